//! Which traces are recorded. Read here and not by the SDK, which takes everything when it meets a typing mistake
//! and says nothing.

use opentelemetry_sdk::trace::Sampler;

/// The sampler called `name` by OpenTelemetry, with its argument.
///
/// # Errors
/// When there is no such sampler or its ratio is no number from 0 to 1; the text says so.
pub(super) fn sampler(name: &str, argument: Option<&str>) -> Result<Sampler, String> {
    let parent_based = |root| Sampler::ParentBased(Box::new(root));
    match name {
        "always_on" => Ok(Sampler::AlwaysOn),
        "always_off" => Ok(Sampler::AlwaysOff),
        "traceidratio" => ratio(argument),
        "" | "parentbased_always_on" => Ok(parent_based(Sampler::AlwaysOn)),
        "parentbased_always_off" => Ok(parent_based(Sampler::AlwaysOff)),
        "parentbased_traceidratio" => ratio(argument).map(parent_based),
        unknown => Err(format!("OTEL_TRACES_SAMPLER: unknown sampler {unknown:?}")),
    }
}

fn ratio(argument: Option<&str>) -> Result<Sampler, String> {
    let ratio = argument.unwrap_or("1").parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.map(Sampler::TraceIdRatioBased).ok_or_else(|| {
        format!("OTEL_TRACES_SAMPLER_ARG: {:?} is no number from 0 to 1", argument.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, argument: Option<&str>) -> Result<String, String> {
        sampler(name, argument).map(|sampler| format!("{sampler:?}"))
    }

    #[test]
    fn names_are_opentelemetrys() {
        for (name, argument, expected) in [
            ("", None, "ParentBased(AlwaysOn)"),
            ("parentbased_always_on", None, "ParentBased(AlwaysOn)"),
            ("parentbased_always_off", None, "ParentBased(AlwaysOff)"),
            ("parentbased_traceidratio", Some("0.25"), "ParentBased(TraceIdRatioBased(0.25))"),
            ("traceidratio", None, "TraceIdRatioBased(1.0)"),
            ("always_on", Some("ignored"), "AlwaysOn"),
            ("always_off", None, "AlwaysOff"),
        ] {
            assert_eq!(shown(name, argument), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn mistakes_are_told() {
        assert!(shown("sometimes", None).is_err());
        for ratio in ["1.5", "-1", "a lot", "NaN", ""] {
            assert!(shown("traceidratio", Some(ratio)).is_err(), "{ratio:?} was accepted");
        }
    }
}
