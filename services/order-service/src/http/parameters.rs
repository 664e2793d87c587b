//! Reads the parameters of a query by their names: each at most once, and no others.

use runtime::Problem;

use super::problems;

/// The values of what is given, in the order of `names`.
///
/// # Errors
/// 400, naming the parameter that is unknown or given more than once.
pub(super) fn read<const N: usize>(
    given: Vec<(String, String)>,
    names: [&str; N],
) -> Result<[Option<String>; N], Problem> {
    let mut values = [const { None }; N];
    for (name, value) in given {
        let slot = names.iter().zip(&mut values).find(|(known, _)| **known == name);
        let Some((_, slot)) = slot else {
            return Err(problems::unknown_parameter(&name, &names.join(", ")));
        };
        if slot.replace(value).is_some() {
            return Err(Problem::invalid_parameter(&name, "is given more than once"));
        }
    }
    Ok(values)
}
