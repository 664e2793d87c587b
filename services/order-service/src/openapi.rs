//! The API's description, generated from the endpoints: `docs/openapi.yaml` is what [`document`] gives.

use utoipa::OpenApi;

use crate::http;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "orderfleet: orders",
        description = "Takes orders and carries each one to its end.\n\nEvery error is a problem document (RFC 9457) \
                       whose `detail` says what to fix. Every answer has the header `x-trace-id`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags((name = "orders", description = "Place, read, list and cancel orders"))
)]
struct Base;

/// What is said of the API as a whole.
pub(crate) fn base() -> utoipa::openapi::OpenApi {
    Base::openapi()
}

/// The description as YAML.
///
/// # Errors
/// It cannot be written as YAML: a mistake in the endpoints' attributes.
pub fn document() -> Result<String, impl std::error::Error> {
    http::router().into_openapi().to_yaml()
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::document;

    #[test]
    fn the_document_is_what_the_endpoints_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.yaml");
        let generated = document().unwrap();
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == generated,
            "docs/openapi.yaml is not what the endpoints say; run `UPDATE=1 cargo test -p order-service openapi`"
        );
    }

    #[test]
    fn every_endpoint_is_described() {
        let description = crate::http::router().into_openapi();
        let paths: Vec<_> = description.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(paths, ["/orders", "/orders/stuck", "/orders/{order_id}", "/orders/{order_id}/cancel"]);
    }
}
