//! `GET /integrity`: what is missing; with `verify=full` also what was changed.

use std::sync::Arc;

use ::projection::Source;
use axum::{Json, extract::State};
use runtime::{Problem, http::Query};
use serde::Deserialize;

use super::{Api, parameters, problems};
use crate::integrity::{ExamineError, Report, Scope};

/// The query as it came.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    verify: Option<String>,
    stream: Option<String>,
    from: Option<String>,
}

pub(super) async fn integrity<S: Source>(
    State(api): State<Arc<Api<S>>>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Report>, Problem> {
    let scope = scope(&parameters)?;
    let turn = scope.verify.then(|| api.verifying.try_acquire()).transpose();
    let _turn = turn.map_err(|_taken| problems::busy())?;
    let report = api.auditor.examine(scope).await.map_err(|error| match error {
        ExamineError::Beyond { .. } => {
            Problem::invalid_parameter("from", format_args!("is too far: {error}"))
        }
        ExamineError::Database(error) => problems::database(&error),
    });
    report.map(Json)
}

fn scope(parameters: &Parameters) -> Result<Scope, Problem> {
    let Parameters { verify, stream, from } = parameters;
    if let Some(other) = verify.as_deref().filter(|verify| *verify != "full") {
        return Err(Problem::invalid_parameter(
            "verify",
            format_args!("must be full, not {other:?}, or absent"),
        ));
    }
    if stream.is_none() && from.is_some() {
        return Err(Problem::invalid_parameter("from", "is a sequence of one stream: name it by `stream`"));
    }
    let stream = stream.as_deref().map(|stream| parameters::stream("stream", stream)).transpose()?;
    let from = from.as_deref().map_or(Ok(1), |from| parameters::sequence("from", from))?;
    Ok(Scope { stream, from, verify: verify.is_some() })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use projection::{Projection, Projector, ProjectorConfig, Store, schema, testing};
    use prometheus::Registry;
    use runtime::Clock;

    use super::*;
    use crate::{
        integrity::{Auditor, Pace},
        metrics::Metrics,
        projection::AuditTrail,
        trail::Trail,
    };

    /// An API over an empty trail that nobody writes.
    async fn api(database: &testing::Database) -> Arc<Api<testing::MemoryStreams>> {
        let store = Store::open(database.url()).await.unwrap();
        schema::migrate(&store, AuditTrail::NAME, AuditTrail::SCHEMA).await.unwrap();
        let (registry, source) = (Registry::new(), testing::MemoryStreams::default());
        let audit = AuditTrail::new(Clock::system(), Metrics::register(&registry).unwrap());
        let metrics = projection::Metrics::register(&registry).unwrap();
        let config = ProjectorConfig::THRIFTY;
        let (_, handle) = Projector::new(store.clone(), source.clone(), audit, config, &metrics);
        let trail = Trail::new(store);
        Arc::new(Api::new(trail.clone(), Auditor::new(trail, source, Pace::DEFAULT), handle))
    }

    #[tokio::test]
    async fn one_verification_at_a_time() {
        let database = testing::sqlite();
        let api = api(&database).await;
        let ask = async |verify: Option<&str>| {
            let parameters = Parameters { verify: verify.map(str::to_owned), ..Parameters::default() };
            integrity(State(Arc::clone(&api)), Query(parameters)).await
        };
        let other = api.verifying.acquire().await.unwrap();
        let problem = ask(Some("full")).await.unwrap_err();
        assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(problem.detail().unwrap().contains("one at a time"));
        assert!(ask(None).await.unwrap().intact, "counting goes on");
        drop(other);
        assert!(ask(Some("full")).await.unwrap().verification.is_some());
        assert!(ask(Some("full")).await.unwrap().verification.is_some(), "its turn is over");
    }
}
