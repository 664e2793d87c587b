//! Defines the enum of one stream's events: which type strings it has, and how a body is read back.

/// Declares `enum $name` with one variant per event type of a stream.
///
/// Each payload type implements [`EventData`](crate::EventData). The enum can be decoded from a raw
/// envelope and serialises as the payload alone, so that it can stand as an envelope's `data`.
macro_rules! stream_events {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident($data:ty),)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant($data),)+ }

        impl $name {
            /// Every `(type, version)` that [`decode`](Self::decode) understands.
            pub const TYPES: &'static [(&'static str, u32)] =
                &[$((<$data as $crate::EventData>::TYPE, <$data as $crate::EventData>::VERSION)),+];

            /// Reads the payload by the envelope's type and version.
            ///
            /// # Errors
            /// The type or version is not one of [`TYPES`](Self::TYPES), or the payload does not fit it.
            pub fn decode(raw: &$crate::RawEnvelope<'_>) -> Result<Self, $crate::DecodeError> {
                match raw.kind.as_ref() {
                    $(<$data as $crate::EventData>::TYPE => raw.decode_as::<$data>().map(Self::$variant),)+
                    other => Err($crate::DecodeError::UnknownType(other.to_owned())),
                }
            }
        }

        impl $crate::StreamEvent for $name {
            fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => <$data as $crate::EventData>::TYPE,)+ }
            }

            fn version(&self) -> u32 {
                match self { $(Self::$variant(_) => <$data as $crate::EventData>::VERSION,)+ }
            }

            fn aggregate_id(&self) -> String {
                match self { $(Self::$variant(data) => $crate::EventData::aggregate_id(data),)+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$variant(data) => data.serialize(serializer),)+ }
            }
        }

        $(impl From<$data> for $name {
            fn from(data: $data) -> Self {
                Self::$variant(data)
            }
        })+
    };
}

/// Implements [`EventData`](crate::EventData) for a payload whose aggregate is the given field.
macro_rules! event_data {
    ($data:ty, $kind:literal, v $version:literal, $field:ident) => {
        impl $crate::EventData for $data {
            const TYPE: &'static str = $kind;
            const VERSION: u32 = $version;

            fn aggregate_id(&self) -> String {
                self.$field.to_string()
            }
        }
    };
}

pub(crate) use event_data;
pub(crate) use stream_events;
