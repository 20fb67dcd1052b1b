//! The JSON of the quality half. What people say and what is shown of it have one shape; times are RFC 3339 in UTC.
//!
//! Words that people chose are bounded as the domain bounds them, and a body with a field too many is refused: what
//! is left out in silence would be missing in a device's history.

mod cases;
mod inspections;
mod material;
mod parts;
mod printed;

pub use cases::*;
pub use inspections::*;
pub use material::*;
pub use parts::*;
pub use printed::*;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use utoipa::ToSchema;

use super::super::given::Example;
use super::super::shapes::Hidden;

/// What is asked for, and who asks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Asks<T> {
    /// 1 to 40 letters, digits, spaces and . - _ @. Where people are set up, it is whoever is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "kim")]
    pub by: Option<String>,
    /// The signer's password again, for a signature; where people are set up, none is taken without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Hidden>,
    #[serde(flatten)]
    pub given: T,
}

impl<T: Example> Example for Asks<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;
}

/// An object in which no name stands twice.
struct Once(Map<String, Value>);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Once;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Once, M::Error> {
                let mut all = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if all.contains_key(&name) {
                        return Err(M::Error::custom(format_args!("the field `{name}` is there twice")));
                    }
                    all.insert(name, value);
                }
                Ok(Once(all))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

// By hand, since serde cannot refuse unknown fields beside a flattened shape.
impl<'de, T: DeserializeOwned> Deserialize<'de> for Asks<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Once(mut all) = Once::deserialize(deserializer)?;
        let by = all.remove("by").map(serde_json::from_value).transpose();
        let by = by.map_err(|error| D::Error::custom(format_args!("by: {error}")))?.flatten();
        // The reason could hold a piece of it.
        let password = all.remove("password").map(serde_json::from_value).transpose();
        let password = password.map_err(|_| D::Error::custom("password: it is no text"))?.flatten();
        let given = serde_json::from_value(Value::Object(all)).map_err(D::Error::custom)?;
        Ok(Self { by, password, given })
    }
}

/// The same fields here and in the domain, both ways; those behind `;` are there or not, and mirrored themselves.
macro_rules! mirror {
    ($name:ident = $of:path { $($field:ident),* $(,)? $(; $($inner:ident),+ $(,)?)? }) => {
        impl From<$name> for $of {
            fn from(given: $name) -> Self {
                Self { $($field: given.$field,)* $($($inner: given.$inner.map(Into::into),)+)? }
            }
        }

        impl From<&$of> for $name {
            fn from(kept: &$of) -> Self {
                Self {
                    $($field: kept.$field.clone(),)*
                    $($($inner: kept.$inner.as_ref().map(Into::into),)+)?
                }
            }
        }
    };
}
use mirror;

/// A value in thousandths, written as a number of the whole: 30.02 mm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Thousandths(pub i32);

/// What may be measured.
pub const VALUES: std::ops::RangeInclusive<f64> = -2e6..=2e6;

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a value is a number from -2000000 to 2000000")]
pub struct OddValue;

impl TryFrom<f64> for Thousandths {
    type Error = OddValue;

    #[expect(clippy::cast_possible_truncation, reason = "within two thousand millions")]
    fn try_from(value: f64) -> Result<Self, OddValue> {
        let fits = VALUES.contains(&value);
        fits.then(|| Self((value * 1_000.0).round() as i32)).ok_or(OddValue)
    }
}

impl From<Thousandths> for f64 {
    fn from(value: Thousandths) -> Self {
        Self::from(value.0) / 1_000.0
    }
}

/// What somebody would sign now, and under which digest.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ToSign {
    /// `approved`, `released` or `use_as_is`
    pub meaning: String,
    /// JSON, exactly as it is signed.
    pub text: String,
    /// SHA-256 of the text: what the signature is asked for with.
    pub digest: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignatureView {
    /// 1, 2, 3 … within the case.
    pub number: u32,
    /// `design`, `part`, `case` or `concession`
    pub of: String,
    /// The printed part or the nonconformance, where it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// `approved`, `released` or `use_as_is`
    pub meaning: String,
    pub digest: String,
    /// `name` or `password`: how the signer showed who they are.
    pub proof: String,
    pub by: String,
    /// Their name in full as it was then, where people are set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printed_name: Option<String>,
    pub at: String,
    /// Since when it is void: what it is under has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided: Option<String>,
}

/// What a site asks for beyond what always holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SiteRules {
    /// A job begins only for a case in production, and only from an approved revision.
    pub approval_before_printing: bool,
    /// A job begins only in the material that was ordered, and with a loaded lot that may be used.
    pub lots: bool,
    /// A job begins only on a qualified printer whose calibration is not due.
    pub qualified_printers: bool,
    /// A part is accepted only when a coupon that was printed with it has passed.
    pub witness_coupon: bool,
    /// Whoever had a part in their hands may release it, too.
    pub releaser_may_be_operator: bool,
    /// A signature needs the password of the signer.
    pub password_to_sign: bool,
    /// So often somebody is asked for the assessment before it may be waived.
    pub reminders_before_waiver: u8,
}

mirror!(
    SiteRules = crate::domain::quality::rules::SiteRules {
        approval_before_printing,
        lots,
        qualified_printers,
        witness_coupon,
        releaser_may_be_operator,
        password_to_sign,
        reminders_before_waiver,
    }
);

/// The same as they are to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RulesGiven {
    pub approval_before_printing: bool,
    pub lots: bool,
    pub qualified_printers: bool,
    pub witness_coupon: bool,
    pub releaser_may_be_operator: bool,
    pub password_to_sign: bool,
    pub reminders_before_waiver: u8,
    /// All of them, as who asks has seen them: 409 (`changed-meanwhile`) where they are others by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<SiteRules>,
}

impl From<RulesGiven> for SiteRules {
    fn from(given: RulesGiven) -> Self {
        Self {
            approval_before_printing: given.approval_before_printing,
            lots: given.lots,
            qualified_printers: given.qualified_printers,
            witness_coupon: given.witness_coupon,
            releaser_may_be_operator: given.releaser_may_be_operator,
            password_to_sign: given.password_to_sign,
            reminders_before_waiver: given.reminders_before_waiver,
        }
    }
}

impl Example for RulesGiven {
    const EXAMPLE: &'static str = r#"{"by": "kim", "approval_before_printing": true, "lots": true}"#;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_each_field_once_and_none_too_many_and_tells_no_password() {
        let read = |text: &str| serde_json::from_str::<Asks<CaseStep>>(text).map(|asks| asks.by);
        let by = read(r#"{"by": "kim", "is": "held", "why": "no images yet"}"#).unwrap();
        assert_eq!(by.as_deref(), Some("kim"));
        assert_eq!(read(r#"{"is": "requested"}"#).unwrap(), None, "whoever is signed in");
        let odd = read(r#"{"by": "kim", "password": ["secret words"], "is": "requested"}"#).unwrap_err();
        assert!(!odd.to_string().contains("secret"), "{odd}");
        for bad in [
            r#"{"by": "kim"}"#,
            r#"{"by": 7, "is": "requested"}"#,
            r#"{"by": "kim", "by": "lee", "is": "requested"}"#,
            r#"{"by": "kim", "is": "requested", "why": "x"}"#,
            r#"{"by": "kim", "is": "held", "why": "x", "proof": "password"}"#,
            r#"{"by": "kim", "is": "held"}"#,
            r#"{"by": "kim", "is": "nonsense"}"#,
            r#"["kim"]"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_step_is_written_as_it_is_read() {
        let step = CaseStep::ReworkAsked { why: "a hole".parse().unwrap() };
        let asks = Asks { by: Some("kim".into()), password: None, given: step.clone() };
        let text = serde_json::to_string(&asks).unwrap();
        assert_eq!(serde_json::from_str::<Asks<CaseStep>>(&text).unwrap().given, step, "{text}");
    }

    #[test]
    fn a_value_is_exact_to_a_thousandth() {
        let read = |text: &str| serde_json::from_str::<Thousandths>(text).map(|value| value.0);
        assert_eq!(
            (read("30.02").unwrap(), read("-0.001").unwrap(), read("7").unwrap()),
            (30_020, -1, 7_000)
        );
        assert!(read("1e300").is_err() && read("null").is_err());
        assert_eq!(serde_json::to_string(&Thousandths(30_020)).unwrap(), "30.02");
    }
}
