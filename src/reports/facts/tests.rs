//! Counting's facts of one case, by hand.
