//! What stands on a page, in pieces that change apart: a live page is sent only those that have changed.
//!
//! A piece is one element with an id. It may hold inner pieces, which change more often than what is around them: a
//! printer's card holds its temperatures.

use maud::{Markup, PreEscaped};
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// One element of a page.
#[derive(Debug)]
pub struct Piece {
    id: String,
    /// With a mark for each inner piece.
    html: String,
    inner: Vec<Self>,
}

/// Where a piece takes in its inner ones.
#[derive(Debug, Default)]
pub struct Inner(RefCell<Vec<Piece>>);

impl Inner {
    /// The place of an inner piece in the markup around it; `markup` is one element with this id.
    pub fn put(&self, id: impl Into<String>, markup: Markup) -> Markup {
        self.take(Piece::new(id, markup))
    }

    /// The same of an inner piece that has inner ones itself.
    pub fn put_around(&self, id: impl Into<String>, make: impl FnOnce(&Self) -> Markup) -> Markup {
        self.take(Piece::around(id, make))
    }

    fn take(&self, piece: Piece) -> Markup {
        let mut pieces = self.0.borrow_mut();
        let mark = format!("{MARK}{} {}{MARK_ENDS}", pieces.len(), piece.id);
        pieces.push(piece);
        PreEscaped(mark)
    }
}

/// Around the index of an inner piece and its id, so that another order of them is another markup. No text of anybody's
/// can be one: markup escapes it.
const MARK: &str = "<i data-piece=\"";
const MARK_ENDS: &str = "\"></i>";

impl Piece {
    /// `markup` is one element with this id.
    pub fn new(id: impl Into<String>, markup: Markup) -> Self {
        Self::around(id, |_| markup)
    }

    /// A piece with inner ones.
    pub fn around(id: impl Into<String>, make: impl FnOnce(&Inner) -> Markup) -> Self {
        let inner = Inner::default();
        let html = make(&inner).into_string();
        let piece = Self { id: id.into(), html, inner: inner.0.into_inner() };
        debug_assert!(piece.html.contains(&format!("id=\"{}\"", piece.id)), "{} has no such id", piece.id);
        piece
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// All of it.
    pub fn whole(&self) -> String {
        let mut whole = String::with_capacity(self.html.len());
        self.write(&mut whole);
        whole
    }

    fn write(&self, whole: &mut String) {
        let mut rest = self.html.as_str();
        while let Some((before, after)) = rest.split_once(MARK) {
            whole.push_str(before);
            let (mark, after) = after.split_once(MARK_ENDS).unwrap_or((after, ""));
            let index = mark.split(' ').next().and_then(|index| index.parse::<usize>().ok());
            if let Some(inner) = index.and_then(|index| self.inner.get(index)) {
                inner.write(whole);
            }
            rest = after;
        }
        whole.push_str(rest);
    }

    /// It, and of its inner pieces those that hold others: what of a page stands for a while.
    fn stands(&self, each: &mut impl FnMut(&Self)) {
        each(self);
        self.inner.iter().filter(|inner| !inner.inner.is_empty()).for_each(|inner| inner.stands(each));
    }

    /// Of its own markup, in which the inner pieces stand by their ids.
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.html.hash(&mut hasher);
        hasher.finish()
    }
}

/// All pieces of a page, one after the other.
pub fn together(pieces: &[Piece]) -> Markup {
    let mut whole = String::new();
    pieces.iter().for_each(|piece| piece.write(&mut whole));
    PreEscaped(whole)
}

/// What a page has in common with another making of it, apart from its innermost pieces.
pub fn outline(pieces: &[Piece]) -> String {
    let mut hasher = DefaultHasher::new();
    for piece in pieces {
        piece.stands(&mut |piece| {
            piece.id.hash(&mut hasher);
            piece.hash().hash(&mut hasher);
        });
    }
    format!("{:016x}", hasher.finish())
}

/// One element that takes the place of the one with its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Patch {
    pub id: String,
    pub html: String,
}

/// What has to be sent to a page.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Nothing,
    Some(Vec<Patch>),
    /// Other pieces, or in another order.
    All(String),
}

/// What a page has been sent.
#[derive(Debug, Default)]
pub struct Sent {
    order: Vec<String>,
    hashes: BTreeMap<String, u64>,
}

impl Sent {
    /// A page that has these pieces, but perhaps others of the innermost ones.
    pub fn outside(pieces: &[Piece]) -> Self {
        let mut sent = Self::default();
        for piece in pieces {
            sent.order.push(piece.id.clone());
            piece.stands(&mut |piece| {
                sent.hashes.insert(piece.id.clone(), piece.hash());
            });
        }
        sent
    }

    /// What has changed since the last time.
    pub fn change(&mut self, pieces: &[Piece]) -> Change {
        let same_order = self.order.iter().map(String::as_str).eq(pieces.iter().map(Piece::id));
        if !same_order {
            self.order = pieces.iter().map(|piece| piece.id.clone()).collect();
            self.hashes.clear();
            pieces.iter().for_each(|piece| self.note(piece));
            return Change::All(together(pieces).into_string());
        }
        let mut patches = Vec::new();
        pieces.iter().for_each(|piece| self.compare(piece, &mut patches));
        if patches.is_empty() { Change::Nothing } else { Change::Some(patches) }
    }

    fn compare(&mut self, piece: &Piece, patches: &mut Vec<Patch>) {
        if self.hashes.get(&piece.id) == Some(&piece.hash()) {
            piece.inner.iter().for_each(|inner| self.compare(inner, patches));
        } else {
            self.note(piece);
            patches.push(Patch { id: piece.id.clone(), html: piece.whole() });
        }
    }

    fn note(&mut self, piece: &Piece) {
        self.hashes.insert(piece.id.clone(), piece.hash());
        piece.inner.iter().for_each(|inner| self.note(inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maud::html;

    fn card(name: &str, state: &str, heat: u32) -> Piece {
        Piece::around(name, |inner| {
            html! { div id=(name) { (state) (inner.put(format!("{name}-heat"), html! { b id=(format!("{name}-heat")) { (heat) } })) } }
        })
    }

    fn ids(change: Change) -> Vec<String> {
        match change {
            Change::Nothing => Vec::new(),
            Change::Some(patches) => patches.into_iter().map(|patch| patch.id).collect(),
            Change::All(_) => vec!["all".into()],
        }
    }

    #[test]
    fn only_what_has_changed_is_sent_and_no_more_of_it_than_that() {
        let mut sent = Sent::default();
        assert_eq!(ids(sent.change(&[card("a", "ready", 20), card("b", "ready", 20)])), ["all"]);
        assert_eq!(ids(sent.change(&[card("a", "ready", 20), card("b", "ready", 20)])), [""; 0]);
        assert_eq!(ids(sent.change(&[card("a", "ready", 21), card("b", "ready", 20)])), ["a-heat"]);
        assert_eq!(ids(sent.change(&[card("a", "ready", 21), card("b", "printing", 22)])), ["b"]);
        assert_eq!(ids(sent.change(&[card("a", "ready", 21), card("b", "printing", 22)])), [""; 0]);
        assert_eq!(ids(sent.change(&[card("b", "printing", 22), card("a", "ready", 21)])), ["all"]);
    }

    #[test]
    fn a_page_that_was_just_loaded_is_sent_what_may_have_changed_since() {
        let page = [card("a", "ready", 20)];
        let mut sent = Sent::outside(&page);
        assert_eq!(outline(&page), outline(&[card("a", "ready", 99)]));
        assert_ne!(outline(&page), outline(&[card("a", "printing", 20)]));
        assert_eq!(ids(sent.change(&page)), ["a-heat"]);
        let list = |heat| {
            let cards = |inner: &Inner| {
                let card = |inner: &Inner| html! { p id="c" { (inner.put("c-heat", html! { b id="c-heat" { (heat) } })) } };
                html! { div id="list" { (inner.put_around("c", card)) } }
            };
            [Piece::around("list", cards)]
        };
        assert_eq!(outline(&list(1)), outline(&list(2)));
        assert_eq!(ids(Sent::outside(&list(1)).change(&list(2))), ["c-heat"]);
    }

    #[test]
    fn inner_pieces_in_another_order_are_sent_with_what_is_around_them() {
        let list = |names: [&str; 2]| {
            [Piece::around("list", |inner| {
                html! { ul id="list" { @for name in names { (inner.put(name, html! { li id=(name) { "x" } })) } } }
            })]
        };
        let mut sent = Sent::default();
        assert_eq!(ids(sent.change(&list(["a", "b"]))), ["all"]);
        assert_eq!(ids(sent.change(&list(["a", "b"]))), [""; 0]);
        assert_eq!(ids(sent.change(&list(["b", "a"]))), ["list"]);
        assert_ne!(outline(&list(["a", "b"])), outline(&list(["b", "a"])));
        assert_eq!(
            list(["b", "a"])[0].whole(),
            "<ul id=\"list\"><li id=\"b\">x</li><li id=\"a\">x</li></ul>"
        );
    }

    #[test]
    fn a_text_that_looks_like_a_mark_is_text() {
        let piece = card("a", "<i data-piece=\"0 a-heat\"></i>", 7);
        assert_eq!(
            piece.whole(),
            "<div id=\"a\">&lt;i data-piece=&quot;0 a-heat&quot;&gt;&lt;/i&gt;<b id=\"a-heat\">7</b></div>"
        );
    }
}
