//! Who calls, and what with.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Path, Query, Request},
    http::{header, request::Parts},
};
use garde::Validate;
use serde::{Deserialize, de::DeserializeOwned};
use shared::{
    api::{decode, too_large},
    auth::Credentials,
    context::Context,
    error::{Code, Error},
    fields,
    ids::Id,
    language::Language,
    limits::Limits,
    text::Text,
    user::{Caller, ConnectionId, User},
};

use super::{Problem, Rest, problem};

/// The user who calls, by token or session.
pub(crate) struct Signed(pub(crate) Arc<User>);

impl Signed {
    async fn of(parts: &Parts, cx: &Context) -> Result<Self, Error> {
        let found = find(parts, cx).await?;
        found.map(Self).ok_or_else(|| Error::new(Code::Unauthorized, Text::TokenMissing))
    }

    fn require(&self, roles: &[&str]) -> Result<(), Error> {
        if self.0.has_role(roles) {
            return Ok(());
        }
        Err(Error::forbidden(Text::RoleNeeded { roles: roles.join(", ") }))
    }

    /// The user as events know a caller; there is no connection to answer on.
    pub(crate) fn caller(&self, language: Language) -> Caller {
        Caller {
            connection: ConnectionId::new("rest"),
            user: Some(Arc::clone(&self.0)),
            expires: None,
            language,
            wants_ack: true,
        }
    }
}

/// A caller whose token has the role `service` or `admin`.
pub(crate) struct Service;

impl FromRequestParts<Rest> for Service {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Problem> {
        let by = <Signed as FromRequestParts<Rest>>::from_request_parts(parts, rest).await?;
        by.require(&["service", "admin"])?;
        Ok(Self)
    }
}

/// A caller whose token has the role `admin`.
pub(crate) struct Admin;

impl FromRequestParts<Rest> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Problem> {
        must_be_admin(parts, &rest.cx).await?;
        Ok(Self)
    }
}

/// A caller who may send notifications: a service, or anybody where anonymous clients are allowed.
pub(crate) struct Notifier;

impl FromRequestParts<Rest> for Notifier {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Problem> {
        if !rest.cx.auth.modes().anonymous {
            Service::from_request_parts(parts, rest).await?;
        }
        Ok(Self)
    }
}

impl FromRequestParts<Rest> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Problem> {
        Ok(Self::of(parts, &rest.cx).await?)
    }
}

impl OptionalFromRequestParts<Rest> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Option<Self>, Problem> {
        Ok(find(parts, &rest.cx).await?.map(Self))
    }
}

/// Refuses a request without a token that has the role `admin`.
///
/// # Errors
/// `UNAUTHORIZED` without a good token, `FORBIDDEN` without the role.
pub async fn must_be_admin(parts: &Parts, cx: &Context) -> Result<(), Problem> {
    Signed::of(parts, cx).await?.require(&["admin"]).map_err(Problem)
}

async fn find(parts: &Parts, cx: &Context) -> Result<Option<Arc<User>>, Error> {
    #[derive(Deserialize)]
    struct Token {
        token: Option<String>,
    }
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(session) = header.and_then(|header| header.strip_prefix("Session ")) {
        return cx.auth.session_user(&cx.store, session.trim()).await.map(Some);
    }
    let query = Query::<Token>::try_from_uri(&parts.uri).ok().and_then(|query| query.0.token);
    let credentials =
        Credentials { header: header.map(str::to_owned), query, ..Credentials::default() };
    let Some(token) = credentials.token() else { return Ok(None) };
    let (user, _) = cx.auth.verify(&token).await?;
    cx.prove(&user).await?;
    Ok(Some(user))
}

/// The language that the caller reads.
pub(crate) struct Reads(pub(crate) Language);

impl FromRequestParts<Rest> for Reads {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Rest) -> Result<Self, Infallible> {
        Ok(Self(problem::language(&parts.headers)))
    }
}

/// A JSON body, its errors named by field.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + Validate<Context = Limits>> FromRequest<Rest> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, rest: &Rest) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let json = kind.is_none_or(|kind| {
            let essence = kind.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")
        });
        if !json {
            return Err(Error::invalid("", Text::BodyNotJson).into());
        }
        let limits = &rest.cx.config.limits;
        let bytes =
            Bytes::from_request(request, rest).await.map_err(|_| too_large(limits.frame_bytes))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| Error::invalid("", Text::NotUtf8))?;
        let value: T = decode(text)?;
        fields::validate(&value, limits)?;
        Ok(Self(value))
    }
}

/// The ids of a path.
pub(crate) struct Ids<const N: usize>(pub(crate) [Id; N]);

impl<const N: usize> FromRequestParts<Rest> for Ids<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &Rest) -> Result<Self, Problem> {
        let texts =
            <Path<Vec<(String, String)>> as FromRequestParts<_>>::from_request_parts(parts, rest);
        let Path(texts) = texts.await.map_err(|_| Error::invalid("", Text::NotUtf8))?;
        let ids = texts
            .iter()
            .map(|(name, text)| Id::parse(text).map_err(|problem| Error::invalid(name, problem)))
            .collect::<Result<Vec<_>, _>>()?;
        let ids = ids.try_into().map_err(|_| Error::internal("a path has other parameters"))?;
        Ok(Self(ids))
    }
}

/// A query, its errors named by parameter.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Rest> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Rest) -> Result<Self, Problem> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(params)| Self(params)).map_err(|error| {
            let error: &dyn std::error::Error = &error;
            let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            let (path, problem) = text.split_once(": ").unwrap_or((".", &text));
            fields::wrong(path, problem).into()
        })
    }
}

/// How many items a page has: 50 unless said otherwise, at most 500.
pub(crate) fn page_size(limit: Option<usize>) -> Result<usize, Error> {
    match limit {
        None => Ok(50),
        Some(limit @ 1..=500) => Ok(limit),
        Some(_) => Err(Error::invalid("limit", Text::PageSize)),
    }
}
