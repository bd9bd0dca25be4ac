//! Errors as `application/problem+json`, in the language that the request asks for.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            ACCEPT_LANGUAGE, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;
use shared::{
    error::{Code, Details, Error},
    language::Language,
    text::Text,
};

/// An error as a problem of RFC 9457. A route returns it as it is, and the router says it in the language of the request;
/// outside of the router, [`Problem::say`].
#[derive(Debug)]
pub struct Problem(pub Error);

impl Problem {
    /// The answer in a language.
    #[must_use]
    pub fn say(self, language: Language) -> Response {
        spoken(self.into_response(), language)
    }

    /// The answer in a language, where HTTP has a better status for it than for its code in general.
    #[must_use]
    pub fn say_as(self, status: StatusCode, language: Language) -> Response {
        spoken((status, self).into_response(), language)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.0.log("rest");
        let status = StatusCode::from_u16(self.0.code().status());
        let mut response = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.extensions_mut().insert(Arc::new(self.0));
        response
    }
}

/// The language that a request asks for.
pub(super) fn language(headers: &HeaderMap) -> Language {
    Language::preferred(headers.get(ACCEPT_LANGUAGE).and_then(|asked| asked.to_str().ok()))
}

/// Answers in the language that the request asks for.
pub(super) async fn speak(request: Request, next: Next) -> Response {
    let language = language(request.headers());
    spoken(next.run(request).await, language)
}

fn spoken(mut response: Response, language: Language) -> Response {
    if let Some(error) = response.extensions_mut().remove::<Arc<Error>>() {
        write(&mut response, &error, language);
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.as_str()));
    headers.append(VARY, HeaderValue::from_static("accept-language"));
    response
}

fn write(response: &mut Response, error: &Error, language: Language) {
    let status = response.status();
    let mut body = json!({
        "type": "about:blank",
        "title": title(status).say(language),
        "status": status.as_u16(),
        "detail": error.text().say(language),
        "errorCode": error.code(),
    });
    if let Some(details) = error.details() {
        body["details"] = details.say(language);
    }
    *response.body_mut() = Body::from(body.to_string());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if error.code() == Code::Unauthorized {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(Details::RetryAfter(milliseconds)) = error.details() {
        headers.insert(RETRY_AFTER, milliseconds.div_ceil(1000).into());
    }
}

/// A status's phrase, which RFC 9457 wants as the title.
fn title(status: StatusCode) -> Text {
    match status {
        StatusCode::BAD_REQUEST => Text::BadRequest,
        StatusCode::UNAUTHORIZED => Text::Unauthorized,
        StatusCode::FORBIDDEN => Text::Forbidden,
        StatusCode::NOT_FOUND => Text::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Text::NotAllowed,
        StatusCode::CONFLICT => Text::Conflict,
        StatusCode::PAYLOAD_TOO_LARGE => Text::ContentTooLarge,
        StatusCode::TOO_MANY_REQUESTS => Text::TooMany,
        StatusCode::SERVICE_UNAVAILABLE => Text::Unavailable,
        _ => Text::ServerError,
    }
}
