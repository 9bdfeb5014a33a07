//! Who may ask: pages of this service and programs that know its token; no page of another origin, under whatever name
//! it reaches this address.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Service;
use super::api::Refused;

/// No request of this service needs more.
pub(super) const BODY_MAX: usize = 16 * 1024;
/// The cookie that a browser shows instead of the token.
const COOKIE: &str = "dt_token";

/// The names that a browser may call the service by: its address, `localhost`, and those that were given.
pub(super) fn hosts(address: SocketAddr, more: &[String]) -> Vec<String> {
    let port = address.port();
    let mut hosts = vec![address.to_string()];
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        hosts.extend([format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
    }
    hosts.extend(
        more.iter().map(|host| if host.contains(':') { host.clone() } else { format!("{host}:{port}") }),
    );
    hosts
}

/// Lets through what may come in, and puts on every answer what keeps it where it belongs.
pub(super) async fn check(State(service): State<Service>, request: Request, next: Next) -> Response {
    service.counts.request();
    let Ok(permit) = service.permits.clone().try_acquire_owned() else {
        return Refused(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once".to_owned())
            .into_response();
    };
    let given = token_in_query(&request);
    let mut response = match allowed(&service, request.headers(), request.method(), given.as_deref()) {
        Err(refused) => {
            service.counts.refused();
            refused.into_response()
        }
        Ok(()) => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let (Some(given), true) = (given, response.status().is_success()) {
        let cookie = format!("{COOKIE}={given}; HttpOnly; SameSite=Strict; Path=/");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }
    // A live page holds its permit until it is closed: the body carries it.
    let (parts, body) = response.into_parts();
    let body = axum::body::Body::from_stream(futures_util::stream::unfold(
        (body.into_data_stream(), permit),
        |(mut body, permit)| async move {
            let piece = futures_util::StreamExt::next(&mut body).await?;
            Some((piece, (body, permit)))
        },
    ));
    Response::from_parts(parts, body)
}

fn allowed(
    service: &Service,
    headers: &HeaderMap,
    method: &Method,
    given: Option<&str>,
) -> Result<(), Refused> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if !service.hosts.iter().any(|known| known == host) {
        let what = format!("this service is not called {host}: use --host to give it that name");
        return Err(Refused(StatusCode::MISDIRECTED_REQUEST, what));
    }
    let foreign = text(header::ORIGIN).is_some_and(|origin| origin != format!("http://{host}"));
    let cross_site =
        text(header::HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site == "cross-site");
    if foreign || (cross_site && method != Method::GET) {
        return Err(Refused(StatusCode::FORBIDDEN, "requests of other origins are refused".to_owned()));
    }
    let Some(token) = &service.token else { return Ok(()) };
    let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let cookies = text(header::COOKIE).unwrap_or_default();
    let cookie = cookies.split("; ").find_map(|one| one.strip_prefix(COOKIE)?.strip_prefix('='));
    if [bearer, cookie, given].into_iter().flatten().any(|shown| same(shown, token)) {
        return Ok(());
    }
    let how = "show the token: `Authorization: Bearer TOKEN`, or open /?token=TOKEN once".to_owned();
    Err(Refused(StatusCode::UNAUTHORIZED, how))
}

/// In the same time for every wrong token of the same length.
fn same(shown: &str, token: &str) -> bool {
    shown.len() == token.len()
        && shown.bytes().zip(token.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// A browser's first visit brings the token along.
fn token_in_query(request: &Request) -> Option<String> {
    let pairs = request.uri().query().unwrap_or_default().split('&');
    let token = pairs.filter_map(|pair| pair.strip_prefix("token=")).next()?;
    let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    plain.then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_only_if_every_letter_is() {
        assert!(same("abc", "abc"));
        assert!(!same("abd", "abc") && !same("ab", "abc") && !same("", "abc"));
    }

    #[test]
    fn the_service_knows_its_names() {
        let hosts = hosts("127.0.0.1:80".parse().unwrap(), &["box".to_owned(), "b:1".to_owned()]);
        assert!(hosts.contains(&"localhost:80".to_owned()) && hosts.contains(&"box:80".to_owned()));
        assert!(hosts.contains(&"b:1".to_owned()) && !hosts.contains(&"evil.example:80".to_owned()));
    }
}
