//! The facts of a mesh, triangle by triangle: extents, volume, and whether its edges close.
//!
//! An edge is known by the exact bits of its two ends, so every format is judged like triangle soup: corners at the
//! same place are one corner, as slicers have it. Of each edge, 63 bits of a hash and its direction are held; two of
//! 12 million edges fall together with a chance of one in a hundred thousand, and then a count is wrong by one.
//! The hash has no secret: who wants to hide an open edge from it can, and has to hide it from the slicer too.

use super::limits::{Budget, ModelError};

/// A corner, in the units of its file.
pub type Vertex = [f32; 3];

/// Edges are held in steps of this many, so that what is held never exceeds what is there by more.
const STEP: usize = 1 << 20;

/// What is wrong with the edges of a surface, each edge counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Edges {
    /// Of one triangle only: there is a hole.
    pub open: u64,
    /// Of three triangles or more.
    pub non_manifold: u64,
    /// Of two triangles which disagree about what is outside.
    pub flipped: u64,
}

impl Edges {
    pub fn closed(self) -> bool {
        self == Self::default()
    }

    fn add(&mut self, other: Self) {
        self.open += other.open;
        self.non_manifold += other.non_manifold;
        self.flipped += other.flipped;
    }
}

/// A box along the axes; upside down while nothing is in it.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Extents {
    pub low: [f64; 3],
    pub high: [f64; 3],
}

impl Default for Extents {
    fn default() -> Self {
        Self { low: [f64::INFINITY; 3], high: [f64::NEG_INFINITY; 3] }
    }
}

impl Extents {
    pub fn include(&mut self, at: [f64; 3]) {
        for (axis, at) in at.into_iter().enumerate() {
            self.low[axis] = self.low[axis].min(at);
            self.high[axis] = self.high[axis].max(at);
        }
    }

    pub fn size(&self) -> [f64; 3] {
        std::array::from_fn(|axis| self.high[axis] - self.low[axis])
    }

    pub(super) fn times(self, factor: f64) -> Self {
        Self { low: self.low.map(|at| at * factor), high: self.high.map(|at| at * factor) }
    }
}

/// One mesh, or several together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    pub triangles: u64,
    /// Triangles with two corners at one place: they are no surface, and nothing else of theirs counts.
    pub degenerate: u64,
    /// Triangles whose normal, as the file tells it, points to the other side than their corners say.
    pub against: u64,
    pub edges: Edges,
    /// Positive where the triangles face outwards. What it is worth ends where an edge is open.
    pub volume: f64,
    pub extents: Extents,
}

impl Facts {
    pub(super) fn add(&mut self, other: &Self) {
        self.triangles += other.triangles;
        self.degenerate += other.degenerate;
        self.against += other.against;
        self.edges.add(other.edges);
        self.volume += other.volume;
        self.extents.include(other.extents.low);
        self.extents.include(other.extents.high);
    }
}

/// Hears of every triangle that has a surface, in the units of its file and where it stands on the plate.
pub type Sink<'s> = &'s mut dyn FnMut([[f64; 3]; 3]);

/// Takes the triangles of one mesh after the other.
pub struct Mesh<'s> {
    facts: Facts,
    /// Hash and, in the last bit, direction.
    edges: Vec<u64>,
    /// Of all meshes that this one takes.
    budget: Budget,
    sink: Option<Sink<'s>>,
}

impl std::fmt::Debug for Mesh<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mesh").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl<'s> Mesh<'s> {
    pub(super) fn new(max: u64, sink: Option<Sink<'s>>) -> Self {
        let budget = Budget::new(max, "too many triangles", super::limits::REDUCE);
        Self { facts: Facts::default(), edges: Vec::new(), budget, sink }
    }

    /// Refuses a count before its triangles are there.
    pub(super) fn claim(&self, triangles: u64) -> Result<(), ModelError> {
        self.budget.clone().spend(triangles)
    }

    /// Whether it has a surface.
    pub(super) fn add(&mut self, corners: [Vertex; 3], normal: Option<Vertex>) -> Result<bool, ModelError> {
        self.budget.spend(1)?;
        // −0 is 0.
        let corners = corners.map(|corner| corner.map(|at| at + 0.0));
        self.facts.triangles += 1;
        if corners[0] == corners[1] || corners[1] == corners[2] || corners[2] == corners[0] {
            self.facts.degenerate += 1;
            return Ok(false);
        }
        let [a, b, c] = corners.map(|corner| corner.map(f64::from));
        for corner in [a, b, c] {
            self.facts.extents.include(corner);
        }
        self.facts.volume += dot(a, cross(b, c)) / 6.0;
        if let Some(normal) = normal {
            let across = cross(minus(b, a), minus(c, a));
            self.facts.against += u64::from(dot(across, normal.map(f64::from)) < 0.0);
        }
        if let Some(sink) = &mut self.sink {
            sink([a, b, c]);
        }
        if self.edges.len() + 3 > self.edges.capacity() {
            self.edges.reserve_exact(STEP);
        }
        let [a, b, c] = corners.map(|corner| corner.map(f32::to_bits));
        self.edges.extend([edge(a, b), edge(b, c), edge(c, a)]);
        Ok(true)
    }

    /// What the triangles since the last call are together.
    pub(super) fn close(&mut self) -> Facts {
        self.edges.sort_unstable();
        let mut facts = std::mem::take(&mut self.facts);
        for edge in self.edges.chunk_by(|a, b| a >> 1 == b >> 1) {
            match edge {
                [_] => facts.edges.open += 1,
                [one, other] => facts.edges.flipped += u64::from(one == other),
                _ => facts.edges.non_manifold += 1,
            }
        }
        self.edges.clear();
        facts
    }

    #[cfg(test)]
    fn held(&self) -> usize {
        self.edges.capacity() * size_of::<u64>()
    }
}

fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn edge(from: [u32; 3], to: [u32; 3]) -> u64 {
    let forth = from < to;
    let (low, high) = if forth { (from, to) } else { (to, from) };
    let words = [low[0], low[1], low[2], high[0], high[1], high[2]];
    let hash = words.into_iter().fold(0, |hash, word| stir(hash ^ u64::from(word)));
    hash & !1 | u64::from(forth)
}

/// One of the well-known steps that spread every bit over all others (Stafford's thirteenth), one to one.
fn stir(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CUBE, facts, soup};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cube_is_closed_faces_outwards_and_has_its_volume() {
        let cube = facts(&soup(&CUBE, 2.0));
        assert_eq!((cube.triangles, cube.degenerate, cube.edges), (12, 0, Edges::default()));
        assert!((cube.volume - 8.0).abs() < 1e-9, "{}", cube.volume);
        assert_eq!(cube.extents.size(), [2.0; 3]);
    }

    #[test]
    fn a_triangle_without_a_surface_makes_nothing_larger() {
        let mut cube = soup(&CUBE, 2.0);
        cube.push([[0.0; 3], [90.0, 80.0, 70.0], [0.0; 3]]);
        let cube = facts(&cube);
        assert_eq!((cube.triangles, cube.degenerate), (13, 1));
        assert_eq!(cube.extents.size(), [2.0; 3]);
    }

    #[test]
    fn a_hole_a_flipped_triangle_and_a_fin_are_told_apart() {
        let cube = soup(&CUBE, 1.0);
        assert_eq!(facts(&cube[1..]).edges, Edges { open: 3, ..Edges::default() });
        let mut flipped = cube.clone();
        flipped[4].swap(0, 1);
        assert_eq!(facts(&flipped).edges, Edges { flipped: 3, ..Edges::default() });
        let mut fin = cube.clone();
        fin.push([cube[0][0], cube[0][1], [9.0, 9.0, 9.0]]);
        assert_eq!(facts(&fin).edges, Edges { open: 2, non_manifold: 1, flipped: 0 });
        let mut inside_out = cube;
        inside_out.iter_mut().for_each(|triangle| triangle.swap(0, 1));
        let inside_out = facts(&inside_out);
        assert!(inside_out.edges.closed() && (inside_out.volume + 1.0).abs() < 1e-9, "{inside_out:?}");
    }

    #[test]
    fn a_triangle_without_a_surface_neither_opens_nor_closes_anything() {
        let mut cube = soup(&CUBE, 1.0);
        let [a, b, _] = cube[0];
        cube.push([a, a, b]);
        cube.push([a, a, a]);
        let found = facts(&cube);
        assert_eq!((found.degenerate, found.edges), (2, Edges::default()));
    }

    #[test]
    fn minus_zero_is_the_place_that_zero_is() {
        let mut cube = soup(&CUBE, 1.0);
        for at in cube.iter_mut().step_by(2).flatten().flatten() {
            *at = if *at == 0.0 { -0.0 } else { *at };
        }
        assert!(facts(&cube).edges.closed());
    }

    #[test]
    fn a_normal_that_contradicts_its_corners_is_counted() {
        let mut mesh = Mesh::new(10, None);
        let corners = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        for normal in [Some([0.0, 0.0, 1.0]), Some([0.0, 0.0, -1.0]), Some([0.0; 3]), None] {
            mesh.add(corners, normal).unwrap();
        }
        assert_eq!(mesh.close().against, 1);
    }

    #[test]
    fn what_is_held_is_24_bytes_a_triangle_and_8_mb_at_most() {
        let mut mesh = Mesh::new(700_000, None);
        let mut most = 0.0;
        for n in 0..700_000_u32 {
            let at = n as f32;
            mesh.add([[at, 0.0, 0.0], [at, 1.0, 0.0], [at, 0.0, 1.0]], None).unwrap();
            let bound = 24 * (n as usize + 1) + 8 * STEP;
            assert!(mesh.held() <= bound, "{} bytes held of {n} triangles", mesh.held());
            most = at;
        }
        let error = mesh.add([[0.0; 3]; 3], None).unwrap_err().to_string();
        assert!(error.contains("too many triangles: 700001, and 700000 are"), "{error}");
        let facts = mesh.close();
        assert_eq!((facts.triangles, facts.edges.open, most), (700_000, 2_100_000, 699_999.0));
        assert_eq!(mesh.close(), Facts::default());
    }

    #[test]
    fn no_two_of_a_million_edges_on_a_grid_fall_together() {
        let mut seen: Vec<u64> = Vec::new();
        for x in 0..100_u32 {
            for y in 0..100_u32 {
                for z in 0..100_u32 {
                    let at = |x: u32| (x as f32).to_bits();
                    seen.push(edge([at(x), at(y), at(z)], [at(x + 1), at(y), at(z)]) >> 1);
                }
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1_000_000);
    }

    proptest! {
        #[test]
        fn order_and_rotation_of_triangles_change_nothing(
            order in Just((0..12).collect::<Vec<usize>>()).prop_shuffle(),
            turns in proptest::collection::vec(0usize..3, 12),
            left_out in 0usize..4,
            edge in 0.5f32..50.0,
        ) {
            let cube = soup(&CUBE, edge);
            let kept = cube[left_out..].to_vec();
            let mut other = Vec::new();
            for index in order {
                if let Some(mut triangle) = kept.get(index).copied() {
                    triangle.rotate_left(turns[index]);
                    other.push(triangle);
                }
            }
            let (one, other) = (facts(&kept), facts(&other));
            prop_assert!((one.volume - other.volume).abs() <= 1e-9 * one.volume.abs());
            prop_assert_eq!(Facts { volume: 0.0, ..one }, Facts { volume: 0.0, ..other });
        }

        #[test]
        fn mirroring_turns_the_sign_of_the_volume_and_keeps_the_rest(
            axis in 0usize..3, shift in -20.0f32..20.0, edge in 0.5f32..50.0,
        ) {
            let mut cube = soup(&CUBE, edge);
            cube.iter_mut().flatten().for_each(|corner| corner[axis] += shift);
            let one = facts(&cube);
            cube.iter_mut().flatten().for_each(|corner| corner[axis] = -corner[axis]);
            let other = facts(&cube);
            prop_assert!((one.volume + other.volume).abs() < 1e-6 * one.volume);
            prop_assert!(one.edges == other.edges && one.edges.closed());
            prop_assert!(one.volume > 0.0);
        }
    }
}
