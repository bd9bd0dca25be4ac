//! REST: the same router under the host's axum and under `lambda_http`.

mod docs;
mod emit;
mod health;
mod members;
mod messages;
mod notifications;
mod origins;
mod people;
mod problem;
mod request;
mod rooms;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::Response,
};
use shared::{
    api::Api,
    context::Context,
    error::{Code, Error},
    ids::RoomKind,
    metrics::http_request,
    text::Text,
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

pub use self::{origins::Origins, problem::Problem, request::must_be_admin};

/// What a REST handler answers.
type Answer<T> = Result<T, Problem>;

/// What REST handlers can reach.
#[derive(Clone)]
pub(crate) struct Rest {
    cx: Context,
    api: Arc<Api>,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Tertulia",
    description = "Group chat, series groups, presence and notifications. [Events](events) go over Socket.IO or WebSocket; this is the REST side."
))]
struct Document;

/// All REST routes, the OpenAPI document at `/openapi.json`, Swagger UI at `/docs`, and what documents the events.
pub fn router(cx: Context, api: Arc<Api>) -> Router {
    let limit = cx.config.limits.frame_bytes;
    let (router, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .nest("/channels", rooms_of(RoomKind::Channel))
        .nest("/groups", rooms_of(RoomKind::Group))
        .routes(routes!(messages::lobby))
        .routes(routes!(messages::direct))
        .routes(routes!(messages::channel))
        .routes(routes!(messages::unread))
        .routes(routes!(members::progress))
        .routes(routes!(people::presence_of))
        .routes(routes!(people::presence))
        .routes(routes!(people::online))
        .routes(routes!(people::connections))
        .routes(routes!(notifications::list))
        .routes(routes!(notifications::send))
        .routes(routes!(notifications::send_under_api))
        .routes(routes!(notifications::confirm))
        .routes(routes!(emit::to_group))
        .routes(routes!(emit::to_channel))
        .routes(routes!(emit::to_thread))
        .routes(routes!(emit::to_user))
        .routes(routes!(emit::broadcast))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .split_for_parts();
    without_operation_ids(&mut document);
    router
        .with_state(Rest { cx, api })
        .merge(docs::router())
        .fallback(async || Problem(Error::not_found(Text::PageNotFound)))
        .method_not_allowed_fallback(async || {
            let error = Error::new(Code::InvalidRequest, Text::MethodNotAllowed);
            (StatusCode::METHOD_NOT_ALLOWED, Problem(error))
        })
        .layer(middleware::from_fn(problem::speak))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .layer(DefaultBodyLimit::max(limit))
        .layer(middleware::from_fn(count))
}

/// Counts a request, once it is answered.
async fn count(request: Request, next: Next) -> Response {
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    http_request(method, route, response.status().as_u16());
    response
}

/// Channels and groups are managed alike.
fn rooms_of(kind: RoomKind) -> OpenApiRouter<Rest> {
    OpenApiRouter::new()
        .routes(routes!(rooms::list, rooms::create))
        .routes(routes!(rooms::details, rooms::change, rooms::delete))
        .routes(routes!(members::list))
        .routes(routes!(members::put, members::remove))
        .layer(Extension(kind))
}

/// The same handlers serve several paths, and an operation's id may occur but once.
fn without_operation_ids(document: &mut utoipa::openapi::OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.operation_id = None;
        }
    }
}
