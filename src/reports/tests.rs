//! The reports by figures that were worked by hand.
