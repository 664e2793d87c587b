//! The command line and environment of a service, and how a mistake in them is told.

use std::io::Write;

use clap::{ArgMatches, Args, Command, FromArgMatches, error::ErrorKind};

use crate::config::ProcessConfig;

/// Asks a running instance whether it is alive; see [`crate::healthcheck`].
const HEALTHCHECK: &str = "healthcheck";

const AFTER_HELP: &str = "\
Every option can be given by the environment variable shown beside it; an option on the command line wins.

The one command, `healthcheck`, asks the instance listening on this machine's LISTEN port for /health and exits 0 or 1.
It is meant as the health check of a container without a shell.

Exit codes: 0 stopped as asked, 1 failed or did not finish in time, 64 wrong configuration,
130 or 143 stopped at once by a second signal.";

/// What the process was asked to do.
pub(crate) enum Invocation<C> {
    Serve { process: ProcessConfig, service: C },
    HealthCheck { process: ProcessConfig },
}

/// Why the process does nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Help or version: to be printed, and not an error.
    Information(String),
    /// One line saying what is wrong.
    Mistake(String),
}

/// Reads the configuration from `words` (without the program's name) and the environment.
pub(crate) fn parse<C: Args>(
    name: &'static str,
    version: &'static str,
    words: impl IntoIterator<Item = String>,
) -> Result<Invocation<C>, Refusal> {
    let words: Vec<String> = words.into_iter().collect();
    let mut program = vec![name.to_owned()];
    if words.first().is_some_and(|word| word == HEALTHCHECK) {
        program.extend(words.into_iter().skip(1));
        let command = ProcessConfig::augment_args(Command::new(name).version(version));
        let matches = matches(command.clone(), program)?;
        return Ok(Invocation::HealthCheck { process: read(&command, &matches)? });
    }
    program.extend(words);
    let command = command::<C>(name, version);
    let matches = matches(command.clone(), program)?;
    Ok(Invocation::Serve { process: read(&command, &matches)?, service: read(&command, &matches)? })
}

/// Prints to standard error. Whoever closed it does not want to hear.
pub(crate) fn complain(name: &str, line: &str) {
    writeln!(std::io::stderr(), "{name}: {line}").ok();
}

fn command<C: Args>(name: &'static str, version: &'static str) -> Command {
    let service = C::augment_args(Command::new(name));
    let about = service.get_about().cloned();
    let command = ProcessConfig::augment_args(service).version(version).after_help(AFTER_HELP);
    // Flattened structs bring their descriptions along; the service's own is the one that describes the program.
    command.about(about.unwrap_or_default()).long_about(None)
}

fn matches(command: Command, program: Vec<String>) -> Result<ArgMatches, Refusal> {
    command.clone().try_get_matches_from(program).map_err(|error| refusal(&command, &error))
}

fn read<T: FromArgMatches>(command: &Command, matches: &ArgMatches) -> Result<T, Refusal> {
    T::from_arg_matches(matches).map_err(|error| refusal(command, &error.format(&mut command.clone())))
}

fn refusal(command: &Command, error: &clap::Error) -> Refusal {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Refusal::Information(text);
    }
    Refusal::Mistake(one_line(command, &text))
}

/// The first paragraph of clap's message on one line, with the variable named beside the option: most settings
/// come from the environment, and "--listen" alone would send the reader looking in the wrong place.
fn one_line(command: &Command, text: &str) -> String {
    let paragraph = text.lines().take_while(|line| !line.trim().is_empty());
    let line = paragraph.map(str::trim).collect::<Vec<_>>().join(" ");
    let mut line = line.trim_start_matches("error: ").to_owned();
    for argument in command.get_arguments() {
        let (Some(long), Some(variable)) = (argument.get_long(), argument.get_env()) else { continue };
        let option = format!("--{long} <");
        if let Some(end) = line.find(&option).and_then(|at| Some(at + line[at..].find('>')? + 1)) {
            line.insert_str(end, &format!(" (environment variable {})", variable.to_string_lossy()));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Args)]
    /// Does nothing, for tests.
    struct Probe {
        /// How many.
        #[arg(long, env = "RUNTIME_CLI_TEST_COUNT")]
        count: u32,
    }

    fn parse(words: &[&str]) -> Result<Invocation<Probe>, Refusal> {
        super::parse("probe", "1.2.3", words.iter().map(|word| (*word).to_owned()))
    }

    fn mistake(words: &[&str]) -> String {
        match parse(words) {
            Err(Refusal::Mistake(line)) => line,
            Err(Refusal::Information(text)) => panic!("information instead of a mistake: {text}"),
            Ok(_) => panic!("{words:?} was accepted"),
        }
    }

    #[test]
    fn both_parts_are_read() {
        let Ok(Invocation::Serve { process, service }) = parse(&["--count", "3", "--listen", "127.0.0.1:0"])
        else {
            panic!("a good command line was refused");
        };
        assert_eq!(service.count, 3);
        assert_eq!(process.listen.port(), 0);
    }

    #[test]
    fn a_mistake_is_one_line_naming_option_and_variable() {
        let line = mistake(&["--count", "many"]);
        assert!(!line.contains('\n'));
        assert!(
            line.starts_with("invalid value 'many' for '--count <COUNT> (environment variable"),
            "{line}"
        );

        let line = mistake(&[]);
        assert!(
            line.contains("not provided: --count <COUNT> (environment variable RUNTIME_CLI_TEST_COUNT)"),
            "{line}"
        );
        assert!(mistake(&["--count", "1", "--nonsense"]).contains("--nonsense"));
        assert!(mistake(&["--count", "1", "--log-level", "info,x=loud"]).contains("LOG_LEVEL"));
    }

    #[test]
    fn help_teaches_and_names_the_service() {
        let Err(Refusal::Information(help)) = parse(&["--help"]) else { panic!("no help") };
        for expected in
            ["Does nothing, for tests", "RUNTIME_CLI_TEST_COUNT", "LISTEN", "healthcheck", "Exit codes"]
        {
            assert!(help.contains(expected), "{expected:?} is missing in {help}");
        }
        assert_eq!(parse(&["--version"]).err(), Some(Refusal::Information("probe 1.2.3\n".into())));
    }

    #[test]
    fn the_health_check_does_not_need_the_services_settings() {
        let invocation = parse(&["healthcheck", "--listen", "0.0.0.0:9"]);
        let Ok(Invocation::HealthCheck { process }) = invocation else { panic!("refused") };
        assert_eq!(process.listen.port(), 9);
    }
}
