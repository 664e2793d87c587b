//! What is wrong with a body: collected, so that a caller can mend everything at once.

use runtime::http::FieldError;

use super::json::Node;

/// Most complaints told at once: nobody reads more, and a hostile body shall not buy a long answer.
const MOST: usize = 20;
/// Most characters of a caller's own word that an answer repeats.
const SHOWN: usize = 40;

/// A growing list of complaints.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    list: Vec<FieldError>,
    /// How many were not written down.
    more: usize,
}

impl Complaints {
    pub(super) fn add(&mut self, pointer: &str, detail: String) {
        if self.list.len() < MOST {
            self.list.push(FieldError::new(pointer, detail));
        } else {
            self.more += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn into_list(mut self) -> Vec<FieldError> {
        if self.more > 0 {
            let detail = format!("{} more fields are wrong", self.more);
            self.list.push(FieldError::new("", detail));
        }
        self.list
    }
}

/// The members of a JSON object.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pointer: String,
    members: &'a [(String, Node)],
}

impl<'a> Fields<'a> {
    /// Looks at an object, and complains of names that are unknown or given twice.
    pub(super) fn of(
        node: &'a Node,
        pointer: &str,
        known: &[&'static str],
        complaints: &mut Complaints,
    ) -> Option<Self> {
        let Node::Object(members) = node else {
            complaints.add(pointer, format!("must be an object, not {}", node.kind()));
            return None;
        };
        for (name, _) in members.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let names = known.join(", ");
            complaints.add(&format!("{pointer}/{}", shown(name)), format!("is unknown; known are {names}"));
        }
        for name in known {
            if members.iter().filter(|(given, _)| given == name).count() > 1 {
                complaints.add(&format!("{pointer}/{name}"), "is given more than once".to_owned());
            }
        }
        Some(Self { pointer: pointer.to_owned(), members })
    }

    pub(super) fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    pub(super) fn optional(&self, name: &str) -> Option<&'a Node> {
        self.members.iter().find(|(given, _)| given == name).map(|(_, node)| node)
    }

    pub(super) fn required(&self, name: &str, complaints: &mut Complaints) -> Option<&'a Node> {
        let found = self.optional(name);
        if found.is_none() {
            complaints.add(&self.pointer(name), "is missing".to_owned());
        }
        found
    }
}

/// A caller's name as part of a JSON pointer: escaped, not endless, and without what might be a card number.
fn shown(name: &str) -> String {
    let name: String = name.chars().take(SHOWN).collect();
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    if digits >= 12 { "…".to_owned() } else { name.replace('~', "~0").replace('/', "~1") }
}
