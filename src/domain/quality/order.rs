//! What was ordered of a part (medical-domain.md §6.1): how large, of what, in which colour, and how many of it.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::words::Label;

/// How large a part is by the anatomy, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Scale(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    #[error("a scale is above 0; give the part's size by the anatomy, 1 where it is the same")]
    Scale,
    #[error("1 to {QUANTITY_MAX} prints of a part can be ordered; add another part for more")]
    Quantity,
}

impl TryFrom<u32> for Scale {
    type Error = OrderError;

    fn try_from(millionths: u32) -> Result<Self, OrderError> {
        if millionths == 0 { Err(OrderError::Scale) } else { Ok(Self(millionths)) }
    }
}

impl From<Scale> for u32 {
    fn from(scale: Scale) -> Self {
        scale.0
    }
}

/// As people say it: 0.5 is half of the anatomy.
impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 1e6)
    }
}

/// More prints of one part are not ordered.
pub const QUANTITY_MAX: u8 = 20;

/// How many prints of a part were ordered: 1 to 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Quantity(u8);

impl Quantity {
    pub const ONE: Self = Self(1);

    fn is_one(&self) -> bool {
        *self == Self::ONE
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u8> for Quantity {
    type Error = OrderError;

    fn try_from(given: u8) -> Result<Self, OrderError> {
        if (1..=QUANTITY_MAX).contains(&given) { Ok(Self(given)) } else { Err(OrderError::Quantity) }
    }
}

impl From<Quantity> for u8 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What was ordered of a part; what is not said may be as the lab finds right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// As jobs and lots name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub material: Option<Label>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Label>,
    #[serde(default, skip_serializing_if = "Quantity::is_one")]
    pub quantity: Quantity,
}

impl Ordered {
    /// The scale that was ordered, where a model has another one.
    pub fn other_scale(&self, millionths: u32) -> Option<Scale> {
        self.scale.filter(|ordered| ordered.0 != millionths)
    }

    /// The material that was ordered, where this is another one.
    pub fn other_material(&self, named: &str) -> Option<&Label> {
        let same = |ordered: &Label| ordered.as_str().eq_ignore_ascii_case(named.trim());
        self.material.as_ref().filter(|ordered| !same(ordered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_a_scale_above_nothing_and_1_to_20_prints_and_is_stored_as_it_was_said() {
        let read = |text: &str| serde_json::from_str::<Ordered>(text);
        for bad in [r#"{"scale": 0}"#, r#"{"quantity": 0}"#, r#"{"quantity": 21}"#, r#"{"material": ""}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let nothing = read("{}").unwrap();
        assert_eq!((nothing.clone(), nothing.quantity), (Ordered::default(), Quantity::ONE));
        assert_eq!(serde_json::to_string(&nothing).unwrap(), "{}");
        let all = r#"{"scale":500000,"material":"clear resin","colour":"red","quantity":20}"#;
        assert_eq!(serde_json::to_string(&read(all).unwrap()).unwrap(), all);
        assert_eq!(read(all).unwrap().scale.unwrap().to_string(), "0.5");
    }

    #[test]
    fn a_material_is_the_same_however_it_is_written_and_nothing_ordered_allows_all() {
        let ordered: Ordered = serde_json::from_str(r#"{"scale":1000000,"material":"Clear resin"}"#).unwrap();
        assert_eq!(ordered.other_material(" clear RESIN "), None);
        assert_eq!(ordered.other_material("PLA").map(Label::as_str), Some("Clear resin"));
        assert_eq!(ordered.other_scale(1_000_000), None);
        assert_eq!(ordered.other_scale(999_999), ordered.scale);
        assert_eq!(Ordered::default().other_material("PLA"), None);
        assert_eq!(Ordered::default().other_scale(1), None);
    }
}
