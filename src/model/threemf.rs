//! 3MF: an archive of XML; objects with meshes, objects made of others, and a plate on which they stand.
//!
//! Every object is read once, part by part; then the plate is walked through, each placement with the product of
//! its matrices. What a slicer added beside the model (settings, pictures, sliced layers) is not read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek};

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::archive::{Archive, NAME_MAX};
use super::limits::{Budget, Limits, ModelError, REDUCE};
use super::lines::{FARTHEST, coordinate, number, shown};
use super::mesh::{Facts, Mesh, Sink, Vertex, cross, dot};
use super::scale::{Transforms, Unit};

const CORE: &str = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02";
const PRODUCTION: &str = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06";
/// Colours and names of triangles change no surface. Whatever else a model requires, may.
const HARMLESS: [&str; 2] = [
    "http://schemas.microsoft.com/3dmanufacturing/material/2015/02",
    "http://schemas.microsoft.com/3dmanufacturing/trianglesets/2021/07",
];
const MODEL: &str = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel";

/// All that stands on the plate, in the units of the file.
#[derive(Debug)]
pub struct Plate {
    pub facts: Facts,
    pub unit: Unit,
    /// Whether the file says the unit, or leaves it at the standard's own.
    pub unit_said: bool,
    /// Meshes that are placed, each counted as often as it is.
    pub objects: u64,
    pub transforms: Transforms,
    /// Settings of slicers beside the model.
    pub settings: bool,
}

/// With a sink, 12 bytes a triangle are held besides.
pub fn read(source: impl Read + Seek, limits: &Limits, sink: Option<Sink<'_>>) -> Result<Plate, ModelError> {
    let mut archive = Archive::open(source, limits)?;
    let root = relationship(&mut archive, limits)?;
    let settings = archive.names().any(|name| name.starts_with("metadata/") && name.ends_with(".config"));
    let mut reader = Reading {
        limits,
        mesh: Mesh::new(limits.triangles, None),
        keep: sink.is_some(),
        vertices: Budget::new(limits.vertices, "too many vertices", REDUCE),
        objects: Budget::new(limits.objects, "too many objects", "export fewer at a time"),
        components: Budget::new(limits.components, "too many components", "export fewer at a time"),
    };
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    let mut wanted = vec![root.clone()];
    while let Some(name) = wanted.pop() {
        if parts.contains_key(&name) {
            continue;
        }
        let part = reader.part(&mut archive, &name)?;
        wanted.extend(part.paths().cloned());
        parts.insert(name, part);
    }
    // A slicer may take it for the one that is meant.
    if let Some(name) = archive.names().find(|name| name.ends_with(".model") && !parts.contains_key(*name)) {
        let what = format!(
            "it has a second model, {}, which nothing on its plate is made of",
            shown(name.as_bytes())
        );
        return Err(ModelError::Unsupported(what));
    }
    let first = &parts[&root];
    if let Some((name, other)) = parts.iter().find(|(_, part)| part.unit != first.unit) {
        let what =
            format!("{} counts in {}, and the whole in {}", shown(name.as_bytes()), other.unit, first.unit);
        return Err(ModelError::Unsupported(what));
    }
    let mut walk = Walk {
        parts: &parts,
        limits,
        placements: Budget::new(
            limits.placements,
            "too many placements of objects",
            "export fewer at a time",
        ),
        vertices: Budget::new(limits.placed_vertices, "too many vertices as they are placed", REDUCE),
        facts: Facts::default(),
        objects: 0,
        transforms: Transforms::default(),
        sink,
    };
    for item in &first.build {
        walk.place(&root, item, Matrix::SAME, 0)?;
    }
    let Walk { facts, objects, transforms, .. } = walk;
    Ok(Plate { facts, unit: first.unit, unit_said: first.unit_said, objects, transforms, settings })
}

/// The model part's name, which the archive itself tells.
fn relationship<R: Read + Seek>(archive: &mut Archive<R>, limits: &Limits) -> Result<String, ModelError> {
    const NAME: &str = "_rels/.rels";
    let mut xml = Xml::new(archive.read(NAME)?, NAME, limits);
    let mut found = None;
    while let Some(step) = xml.next()? {
        if let Step::Begin(element, _) = step
            && element.local_name().as_ref() == "Relationship"
        {
            let picked = pick(&element, ["Type", "Target"], limits);
            let target = picked.map(|[kind, target]| target.filter(|_| kind.as_deref() == Some(MODEL)));
            let name = target.map(|target| target.map(|target| local(&target)));
            match (name, &found) {
                (Err(what), _) => return Err(xml.wrong(what)),
                (Ok(Some(_)), Some(_)) => return Err(xml.wrong("two models are named".into())),
                (Ok(name), _) => found = name.or(found),
            }
        }
    }
    found.ok_or_else(|| xml.wrong("no model is named".into()))
}

/// `/3D/3dmodel.model` as the archive has it.
fn local(path: &str) -> String {
    path.strip_prefix('/').unwrap_or(path).to_ascii_lowercase()
}

/// Rows of a row-vector's matrix: the images of X, Y and Z, and the way that the origin goes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Matrix([[f64; 3]; 4]);

impl Matrix {
    const SAME: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0; 3]]);

    fn parse(text: &str) -> Result<Self, String> {
        let mut matrix = [[0.0; 3]; 4];
        let mut words = text.split_ascii_whitespace();
        for at in matrix.iter_mut().flatten() {
            *at = number(words.next().unwrap_or_default().as_bytes())
                .map_err(|what| format!("a transform needs twelve numbers, and {what}"))?;
        }
        if words.next().is_some() {
            return Err("a transform has more than twelve numbers".into());
        }
        Self(matrix).checked()
    }

    /// Kept to what can be calculated with: neither flat nor without end.
    fn checked(self) -> Result<Self, String> {
        let far = f64::from(FARTHEST);
        if !self.0.iter().flatten().all(|at| at.is_finite() && at.abs() <= far) {
            return Err("a transform leads out of space".into());
        }
        if self.volume().abs() < 1e-30 {
            return Err("a transform makes the object flat".into());
        }
        Ok(self)
    }

    /// First this, then the other one.
    fn then(self, other: Self) -> Result<Self, String> {
        let mut rows = self.0.map(|row| other.turn(row));
        for (at, more) in rows[3].iter_mut().zip(other.0[3]) {
            *at += more;
        }
        Self(rows).checked()
    }

    fn turn(self, at: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|axis| (0..3).map(|row| at[row] * self.0[row][axis]).sum())
    }

    fn apply(self, at: Vertex) -> [f64; 3] {
        let turned = self.turn(at.map(f64::from));
        std::array::from_fn(|axis| turned[axis] + self.0[3][axis])
    }

    /// The determinant: negative where it mirrors.
    fn volume(self) -> f64 {
        let [x, y, z, _] = self.0;
        dot(x, cross(y, z))
    }
}

/// An object as part of another one, or on the plate.
#[derive(Debug)]
struct Component {
    /// In another part.
    path: Option<String>,
    object: u32,
    matrix: Matrix,
}

#[derive(Debug)]
enum Object {
    /// Triangles by the places of their corners, where somebody wants to hear of them.
    Mesh {
        facts: Facts,
        vertices: Vec<Vertex>,
        triangles: Vec<[u32; 3]>,
    },
    Made(Vec<Component>),
}

#[derive(Debug)]
struct Part {
    unit: Unit,
    unit_said: bool,
    objects: BTreeMap<u32, Object>,
    /// Types of objects that are no bodies to be printed.
    others: BTreeMap<u32, String>,
    build: Vec<Component>,
}

impl Part {
    fn paths(&self) -> impl Iterator<Item = &String> {
        let made = self.objects.values().flat_map(|object| match object {
            Object::Made(components) => &components[..],
            Object::Mesh { .. } => &[],
        });
        made.chain(&self.build).filter_map(|component| component.path.as_ref())
    }
}

struct Walk<'a, 's> {
    parts: &'a BTreeMap<String, Part>,
    limits: &'a Limits,
    placements: Budget,
    vertices: Budget,
    facts: Facts,
    objects: u64,
    transforms: Transforms,
    sink: Option<Sink<'s>>,
}

impl Walk<'_, '_> {
    fn place(
        &mut self,
        part: &str,
        component: &Component,
        outer: Matrix,
        depth: usize,
    ) -> Result<(), ModelError> {
        let part = component.path.as_deref().unwrap_or(part);
        let wrong = |what| ModelError::Part { part: part.into(), at: 0, what };
        if depth > self.limits.component_depth {
            let what = format!(
                "objects stand in objects deeper than {}, or in a circle",
                self.limits.component_depth
            );
            return Err(wrong(what));
        }
        self.placements.spend(1)?;
        let matrix = component.matrix.then(outer).map_err(wrong)?;
        let parts = self.parts;
        let id = component.object;
        if let Some(kind) = parts.get(part).and_then(|part| part.others.get(&id)) {
            let what =
                format!("object {id} is of the type {kind}, and only a `model` is a body to be printed");
            return Err(ModelError::Unsupported(what));
        }
        let object = parts.get(part).and_then(|part| part.objects.get(&id));
        match object {
            None => return Err(wrong(format!("there is no object {id}"))),
            Some(Object::Made(components)) => {
                for inner in components {
                    self.place(part, inner, matrix, depth + 1)?;
                }
            }
            // Without a surface it is nowhere.
            Some(Object::Mesh { vertices, .. }) if vertices.is_empty() => {}
            Some(Object::Mesh { facts, vertices, triangles }) => {
                self.vertices.spend(vertices.len() as u64)?;
                let mut placed = Facts { volume: facts.volume * matrix.volume(), ..*facts };
                placed.extents = super::mesh::Extents::default();
                vertices.iter().for_each(|at| placed.extents.include(matrix.apply(*at)));
                self.facts.add(&placed);
                if let Some(sink) = &mut self.sink {
                    for corners in triangles {
                        let [a, b, c] = corners.map(|at| matrix.apply(vertices[at as usize]));
                        // A mirror turns the surface inside out.
                        sink(if matrix.volume() < 0.0 { [b, a, c] } else { [a, b, c] });
                    }
                }
                self.objects += 1;
                let [x, y, z, _] = matrix.0;
                self.transforms.note([x, y, z]);
            }
        }
        Ok(())
    }
}

/// What we know of an element by where it stands; of all others nothing is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Model,
    Resources,
    Object,
    Mesh,
    Vertices,
    Vertex,
    Triangles,
    Triangle,
    Components,
    Component,
    Build,
    Item,
    Other,
}

impl Tag {
    fn of(parent: Option<Self>, name: &str) -> Self {
        match (parent, name) {
            (None, "model") => Self::Model,
            (Some(Self::Model), "resources") => Self::Resources,
            (Some(Self::Model), "build") => Self::Build,
            (Some(Self::Resources), "object") => Self::Object,
            (Some(Self::Object), "mesh") => Self::Mesh,
            (Some(Self::Object), "components") => Self::Components,
            (Some(Self::Mesh), "vertices") => Self::Vertices,
            (Some(Self::Mesh), "triangles") => Self::Triangles,
            (Some(Self::Vertices), "vertex") => Self::Vertex,
            (Some(Self::Triangles), "triangle") => Self::Triangle,
            (Some(Self::Components), "component") => Self::Component,
            (Some(Self::Build), "item") => Self::Item,
            _ => Self::Other,
        }
    }
}

/// What all parts of a file share: bounds, and the memory of a mesh.
struct Reading<'l> {
    limits: &'l Limits,
    mesh: Mesh<'static>,
    keep: bool,
    vertices: Budget,
    objects: Budget,
    components: Budget,
}

/// The object that is being read.
#[derive(Default)]
struct Open {
    id: u32,
    vertices: Vec<Vertex>,
    used: Vec<bool>,
    triangles: Vec<[u32; 3]>,
    components: Vec<Component>,
    mesh: bool,
}

impl Reading<'_> {
    fn part<R: Read + Seek>(&mut self, archive: &mut Archive<R>, name: &str) -> Result<Part, ModelError> {
        if !archive.has(name) {
            let what = "it is named, and not there".into();
            return Err(ModelError::Part { part: name.into(), at: 0, what });
        }
        let mut part = Part {
            unit: Unit::Millimetre,
            unit_said: false,
            objects: BTreeMap::new(),
            others: BTreeMap::new(),
            build: Vec::new(),
        };
        let mut xml = Xml::new(archive.read(name)?, name, self.limits);
        let (mut tags, mut open, mut names) = (Vec::new(), Open::default(), Names::default());
        while let Some(step) = xml.next()? {
            let done = match step {
                Step::Begin(element, ends) => {
                    let parent = tags.last().copied();
                    let tag = names.tag(parent, &element);
                    let done = tag.and_then(|tag| {
                        tags.push(tag);
                        self.begin(tag, &element, &mut part, &mut open, &mut names)
                    });
                    if ends { done.and_then(|()| self.end(tags.pop(), &mut part, &mut open)) } else { done }
                }
                Step::End => self.end(tags.pop(), &mut part, &mut open),
                Step::Other => Ok(()),
            };
            match done {
                Ok(()) => {}
                Err(Fault::Here(what)) => return Err(xml.wrong(what)),
                Err(Fault::Whole(error)) => return Err(error),
            }
        }
        if !names.seen {
            return Err(xml.wrong("there is no model in it".into()));
        }
        Ok(part)
    }

    fn begin(
        &mut self,
        tag: Tag,
        element: &BytesStart<'_>,
        part: &mut Part,
        open: &mut Open,
        names: &mut Names,
    ) -> Result<(), Fault> {
        match tag {
            Tag::Model => {
                let [unit] = pick(element, ["unit"], self.limits)?;
                part.unit_said = unit.is_some();
                if let Some(unit) = unit {
                    part.unit = Unit::of_3mf(&unit)
                        .ok_or_else(|| format!("{} is no unit", shown(unit.as_bytes())))?;
                }
            }
            Tag::Object => {
                self.objects.spend(1)?;
                let [id, kind] = pick(element, ["id", "type"], self.limits)?;
                *open = Open { id: index(id.as_deref())?, ..Open::default() };
                if let Some(kind) = kind.filter(|kind| kind != "model") {
                    part.others.insert(open.id, shown(kind.as_bytes()));
                }
                names.lists.retain(|tag| matches!(tag, Tag::Resources | Tag::Build));
            }
            Tag::Mesh if open.mesh => return Err(format!("object {} has two meshes", open.id).into()),
            Tag::Mesh => open.mesh = true,
            Tag::Vertex => {
                self.vertices.spend(1)?;
                let mut vertex = [0.0; 3];
                for (at, word) in vertex.iter_mut().zip(pick(element, ["x", "y", "z"], self.limits)?) {
                    *at = coordinate(word.as_deref().unwrap_or_default().as_bytes())?;
                }
                open.vertices.push(vertex);
                open.used.push(false);
            }
            Tag::Triangle => {
                let (mut corners, mut places) = ([[0.0; 3]; 3], [0; 3]);
                let picked = pick(element, ["v1", "v2", "v3"], self.limits)?;
                for ((corner, place), word) in corners.iter_mut().zip(&mut places).zip(picked) {
                    *place = index(word.as_deref())?;
                    let known = open.vertices.len();
                    let vertex = open.vertices.get(*place as usize);
                    *corner = *vertex.ok_or_else(|| format!("there is no vertex {place} among {known}"))?;
                }
                if self.mesh.add(corners, None)? {
                    places.iter().for_each(|place| open.used[*place as usize] = true);
                    if self.keep {
                        open.triangles.push(places);
                    }
                }
            }
            Tag::Component | Tag::Item => {
                self.components.spend(1)?;
                let path = names.path.as_deref().unwrap_or("\0");
                let wanted = ["objectid", "transform", path, "printable"];
                let [object, matrix, path, printable] = pick(element, wanted, self.limits)?;
                if path.as_ref().is_some_and(|path| path.len() > NAME_MAX) {
                    return Err(format!("a path is longer than {NAME_MAX} bytes").into());
                }
                // Of slicers, not of the standard.
                if tag == Tag::Item && printable.is_some_and(|printable| printable != "1") {
                    let what = "an item on its plate is marked as not to be printed".into();
                    return Err(Fault::Whole(ModelError::Unsupported(what)));
                }
                let component = Component {
                    path: path.map(|path| local(&path)),
                    object: index(object.as_deref())?,
                    matrix: matrix.map_or(Ok(Matrix::SAME), |text| Matrix::parse(&text))?,
                };
                if tag == Tag::Item { part.build.push(component) } else { open.components.push(component) }
            }
            // One program would take the first of two lists, and another both.
            Tag::Resources | Tag::Vertices | Tag::Triangles | Tag::Components | Tag::Build => {
                if names.lists.contains(&tag) {
                    return Err(format!("there are two `{}`", element.local_name().as_ref()).into());
                }
                names.lists.push(tag);
            }
            Tag::Other => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: Option<Tag>, part: &mut Part, open: &mut Open) -> Result<(), Fault> {
        if tag != Some(Tag::Object) {
            return Ok(());
        }
        let Open { id, mut vertices, used, mut triangles, components, mesh } = std::mem::take(open);
        let object = match (mesh, components.is_empty()) {
            (true, true) => {
                // What no triangle uses is nowhere; the others move up.
                let mut place = 0;
                let moved: Vec<u32> = if triangles.is_empty() {
                    Vec::new()
                } else {
                    used.iter()
                        .map(|used| {
                            place += u32::from(*used);
                            place.saturating_sub(1)
                        })
                        .collect()
                };
                for corner in triangles.iter_mut().flatten() {
                    *corner = moved[*corner as usize];
                }
                let mut used = used.into_iter();
                vertices.retain(|_| used.next() == Some(true));
                vertices.shrink_to_fit();
                Object::Mesh { facts: self.mesh.close(), vertices, triangles }
            }
            (false, _) => Object::Made(components),
            (true, false) => return Err(format!("object {id} is a mesh and made of others").into()),
        };
        if part.objects.insert(id, object).is_some() {
            return Err(format!("there are two objects {id}").into());
        }
        Ok(())
    }
}

/// Something is wrong here, or with the model as a whole.
enum Fault {
    Here(String),
    Whole(ModelError),
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::Here(what)
    }
}

impl From<ModelError> for Fault {
    fn from(error: ModelError) -> Self {
        Self::Whole(error)
    }
}

/// Which prefixes mean the core of 3MF and its production extension in one part.
#[derive(Default)]
struct Names {
    seen: bool,
    core: Option<String>,
    /// `p:path`, as this part writes it.
    path: Option<String>,
    /// Lists that have begun, in the part and in its open object.
    lists: Vec<Tag>,
}

impl Names {
    fn tag(&mut self, parent: Option<Tag>, element: &BytesStart<'_>) -> Result<Tag, Fault> {
        if parent.is_none() {
            if self.seen {
                return Err("there are two models in it".into());
            }
            self.learn(element)?;
        } else if element.contains("xmlns") {
            self.again(element)?;
        }
        let name = element.name();
        let (local, prefix) = name.decompose();
        let core = prefix.map(|prefix| prefix.into_inner()) == self.core.as_deref();
        let tag = if core { Tag::of(parent, local.as_ref()) } else { Tag::Other };
        match (parent, local.as_ref()) {
            (None, _) if tag != Tag::Model => {
                Err(format!("{} stands where `model` is expected", shown(name.as_ref().as_bytes())).into())
            }
            // Beams, booleans and whatever comes: a surface that would be missing from what we judge.
            (Some(Tag::Object), other) if tag == Tag::Other && other != "metadatagroup" => {
                Err(unknown(other))
            }
            (Some(Tag::Mesh), other) if tag == Tag::Other && other != "trianglesets" => Err(unknown(other)),
            (Some(Tag::Build | Tag::Components), other) if tag == Tag::Other => Err(unknown(other)),
            _ => Ok(tag),
        }
    }

    /// Within the model, no prefix may come to mean something of ours, or ours something else.
    fn again(&self, element: &BytesStart<'_>) -> Result<(), Fault> {
        let core = self.core.as_deref().unwrap_or_default();
        let production = self.path.as_deref().and_then(|path| path.strip_suffix(":path"));
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let Some(prefix) = attribute.key.as_ref().strip_prefix("xmlns") else { continue };
            let (prefix, space) = (prefix.trim_start_matches(':'), attribute.value.as_ref());
            let same =
                (space == CORE) == (prefix == core) && (space == PRODUCTION) == (Some(prefix) == production);
            if !same || space.contains('&') {
                let name = shown(element.name().as_ref().as_bytes());
                return Err(format!("{name} declares a namespace anew").into());
            }
        }
        Ok(())
    }

    fn learn(&mut self, model: &BytesStart<'_>) -> Result<(), Fault> {
        let (mut spaces, mut required) = (BTreeMap::new(), String::new());
        for attribute in model.attributes().with_checks(false).take(64) {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let name = attribute.key.as_ref();
            if let Some(prefix) = name.strip_prefix("xmlns") {
                if attribute.value.contains('&') {
                    return Err(format!("{} holds an escaped character", shown(name.as_bytes())).into());
                }
                spaces.insert(prefix.trim_start_matches(':').to_owned(), attribute.value.into_owned());
            } else if name == "requiredextensions" {
                required = attribute.value.into_owned();
            }
        }
        let prefix_of =
            |space: &str| spaces.iter().find(|(_, other)| *other == space).map(|(prefix, _)| prefix);
        let core = prefix_of(CORE).ok_or("it is not the XML of a 3MF")?;
        // What stands under the other one would be passed over.
        if spaces.values().filter(|space| *space == CORE).count() > 1 {
            return Err("the namespace of 3MF has two prefixes".into());
        }
        (self.seen, self.core) = (true, Some(core.clone()).filter(|prefix| !prefix.is_empty()));
        self.path = prefix_of(PRODUCTION).map(|prefix| format!("{prefix}:path"));
        for prefix in required.split_ascii_whitespace() {
            let space = spaces.get(prefix).map_or("", String::as_str);
            if space != CORE && space != PRODUCTION && !HARMLESS.contains(&space) {
                return Err(unknown(if space.is_empty() { prefix } else { space }));
            }
        }
        Ok(())
    }
}

impl From<&str> for Fault {
    fn from(what: &str) -> Self {
        Self::Here(what.into())
    }
}

fn unknown(what: &str) -> Fault {
    let what: String = what.chars().filter(|c| !c.is_control()).take(80).collect();
    Fault::Whole(ModelError::Unsupported(format!("it needs the extension {what}")))
}

fn index(word: Option<&str>) -> Result<u32, String> {
    let word = word.unwrap_or_default();
    word.parse().map_err(|_| format!("{} is no number of an object or vertex", shown(word.as_bytes())))
}

/// Attributes by their names, each there once at most.
fn pick<'e, const N: usize>(
    element: &'e BytesStart<'_>,
    names: [&str; N],
    limits: &Limits,
) -> Result<[Option<Cow<'e, str>>; N], String> {
    let mut found = [const { None }; N];
    // Its own check for doubles takes the square of their number.
    for (count, attribute) in element.attributes().with_checks(false).enumerate() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if count == limits.attributes {
            return Err(format!("an element has more than {} attributes", limits.attributes));
        }
        let key = attribute.key.as_ref();
        let Some(place) = names.iter().position(|name| *name == key) else {
            // A path by another prefix than the one that the model declares would lead somewhere else.
            if key.ends_with(":path") {
                return Err(format!("{} has a prefix that means nothing here", shown(key.as_bytes())));
            }
            continue;
        };
        if attribute.value.contains('&') {
            return Err(format!("{} holds an escaped character", shown(key.as_bytes())));
        }
        if found[place].replace(attribute.value).is_some() {
            return Err(format!("{} is there twice", shown(key.as_bytes())));
        }
    }
    Ok(found)
}

/// An element begins (and, where the flag says so, ends at once), or ends.
enum Step<'b> {
    Begin(BytesStart<'b>, bool),
    End,
    Other,
}

/// The elements of one part, without text; nothing in it is looked up or replaced.
struct Xml<'l, R: Read> {
    reader: Reader<Bounded<BufReader<R>>>,
    held: Vec<u8>,
    part: String,
    depth: usize,
    limits: &'l Limits,
}

impl<'l, R: Read> Xml<'l, R> {
    fn new(source: R, part: &str, limits: &'l Limits) -> Self {
        let source = Bounded { source: BufReader::new(source), left: limits.piece };
        Self { reader: Reader::from_reader(source), held: Vec::new(), part: part.into(), depth: 0, limits }
    }

    fn wrong(&self, what: String) -> ModelError {
        ModelError::Part { part: self.part.clone(), at: self.reader.buffer_position(), what }
    }

    fn next(&mut self) -> Result<Option<Step<'_>>, ModelError> {
        self.held.clear();
        self.reader.get_mut().left = self.limits.piece;
        let at = self.reader.buffer_position();
        let part = &self.part;
        let wrong = |what| Err(ModelError::Part { part: part.clone(), at, what });
        match self.reader.read_event_into(&mut self.held) {
            Ok(Event::Eof) if self.depth == 0 => Ok(None),
            Ok(Event::Eof) => wrong("it ends in the middle".into()),
            Ok(Event::Start(_) | Event::Empty(_)) if self.depth >= self.limits.xml_depth => {
                wrong(format!("elements stand in elements deeper than {}", self.limits.xml_depth))
            }
            Ok(Event::Start(element)) => {
                self.depth += 1;
                Ok(Some(Step::Begin(element, false)))
            }
            Ok(Event::Empty(element)) => Ok(Some(Step::Begin(element, true))),
            Ok(Event::End(_)) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(Some(Step::End))
            }
            Ok(Event::DocType(_)) => {
                Err(ModelError::Hostile(format!("a document type, which may define entities, in `{part}`")))
            }
            Ok(Event::GeneralRef(name)) if !known_entity(&name) => {
                Err(ModelError::Hostile(format!("an entity in `{part}`")))
            }
            Ok(_) => Ok(Some(Step::Other)),
            Err(quick_xml::Error::Io(error)) => Err(ModelError::from(&*error)),
            Err(error) => wrong(error.to_string()),
        }
    }
}

fn known_entity(name: &str) -> bool {
    name.starts_with('#') || ["lt", "gt", "amp", "apos", "quot"].contains(&name)
}

/// Ends with an error where one piece of XML is longer than it may be: the parser holds a piece whole.
struct Bounded<R> {
    source: R,
    left: usize,
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.left == 0 {
            return Err(ModelError::Hostile("a tag or text without end".into()).through());
        }
        let held = self.source.fill_buf()?;
        Ok(&held[..held.len().min(self.left)])
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.source.consume(count);
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let held = self.fill_buf()?;
        let count = held.len().min(buffer.len());
        buffer[..count].copy_from_slice(&held[..count]);
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::LIMITS;
    use super::super::tests::{CUBE, Zip, mesh_xml, model_xml, soup, threemf, threemf_parts};
    use super::*;
    use std::io::Cursor;

    fn plate(resources: &str, build: &str) -> Result<Plate, ModelError> {
        read(Cursor::new(threemf(resources, build)), &LIMITS, None)
    }

    fn cube(id: u32, edge: f32) -> String {
        format!("<object id=\"{id}\" type=\"model\">{}</object>", mesh_xml(&soup(&CUBE, edge)))
    }

    fn near(found: [f64; 3], wanted: [f64; 3]) -> bool {
        found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-4)
    }

    #[test]
    fn a_cube_on_the_plate_is_what_it_is() {
        let plate = plate(&cube(1, 10.0), "<item objectid=\"1\"/>").unwrap();
        assert!((plate.facts.volume - 1000.0).abs() < 1e-6 && plate.facts.edges.closed(), "{plate:?}");
        assert_eq!(
            (plate.facts.triangles, plate.objects, plate.unit, plate.unit_said),
            (12, 1, Unit::Millimetre, false)
        );
        assert!(near(plate.facts.extents.size(), [10.0; 3]));
        assert_eq!(
            plate.transforms,
            Transforms { placed: 1, least: 1.0, most: 1.0, ..Transforms::default() }
        );
        assert!(!plate.settings);
    }

    #[test]
    fn transforms_of_components_and_items_are_multiplied_in_their_order() {
        // Twice as large, then turned a quarter about Z and moved, then mirrored along X.
        let made = "<object id=\"2\"><components>\
            <component objectid=\"1\" transform=\"2 0 0 0 2 0 0 0 2 1 0 0\"/>\
            </components></object>\
            <object id=\"3\"><components>\
            <component objectid=\"2\" transform=\"0 1 0 -1 0 0 0 0 1 0 0 5\"/>\
            </components></object>";
        let item = "<item objectid=\"3\" transform=\"-1 0 0 0 1 0 0 0 1 100 0 0\"/>";
        let found = plate(&format!("{}{made}", cube(1, 3.0)), item).unwrap();
        // x, y in 1..7, 0..6, then −6..0, 1..7, then 100..106.
        assert!(near(found.facts.extents.low, [100.0, 1.0, 5.0]), "{:?}", found.facts.extents);
        assert!(near(found.facts.extents.high, [106.0, 7.0, 11.0]), "{:?}", found.facts.extents);
        assert!((found.facts.volume + 216.0).abs() < 1e-3);
        let transforms = found.transforms;
        assert_eq!(
            (transforms.placed, transforms.mirrored, transforms.turned, transforms.uneven),
            (1, 1, 1, 0)
        );
        assert!((transforms.least - 2.0).abs() < 1e-9 && (transforms.most - 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_extents_of_a_turned_body_are_its_own_and_not_those_of_its_turned_box() {
        let tip = "<object id=\"1\"><mesh><vertices><vertex x=\"0\" y=\"0\" z=\"0\"/><vertex x=\"10\" y=\"0\" z=\"0\"/>\
            <vertex x=\"0\" y=\"10\" z=\"0\"/><vertex x=\"0\" y=\"0\" z=\"10\"/><vertex x=\"900\" y=\"0\" z=\"0\"/></vertices>\
            <triangles><triangle v1=\"0\" v2=\"2\" v3=\"1\"/><triangle v1=\"0\" v2=\"1\" v3=\"3\"/>\
            <triangle v1=\"0\" v2=\"3\" v3=\"2\"/><triangle v1=\"1\" v2=\"2\" v3=\"3\"/></triangles></mesh></object>";
        let half = 0.5_f64.sqrt();
        let item =
            format!("<item objectid=\"1\" transform=\"{half} {half} 0 -{half} {half} 0 0 0 1 0 0 0\"/>");
        let found = plate(tip, &item).unwrap().facts;
        // The corner of its box would reach 14.1 along Y; and the vertex that no triangle uses is nowhere.
        assert!(near(found.extents.size(), [20.0 * half, 10.0 * half, 10.0]), "{:?}", found.extents);
        assert!(found.edges.closed() && (found.volume - 1000.0 / 6.0).abs() < 1e-3);
    }

    #[test]
    fn the_unit_and_several_objects_are_read() {
        let xml = model_xml(
            " unit=\"inch\"",
            &format!("{}{}", cube(1, 1.0), cube(7, 2.0)),
            "<item objectid=\"7\" transform=\"1 0 0 0 1 0 0 0 1 9 0 0\"/><item objectid=\"1\"/><item objectid=\"1\"/>",
        );
        let plate = read(Cursor::new(threemf_parts(&[("3D/3dmodel.model", &xml)])), &LIMITS, None).unwrap();
        assert_eq!(
            (plate.unit, plate.unit_said, plate.objects, plate.facts.triangles),
            (Unit::Inch, true, 3, 36)
        );
        // Each object is closed by itself, though two stand in the same place.
        assert!(plate.facts.edges.closed());
        assert!(near(plate.facts.extents.size(), [11.0, 2.0, 2.0]));
    }

    const P: &str = " xmlns:p=\"http://schemas.microsoft.com/3dmanufacturing/production/2015/06\" requiredextensions=\"p\"";

    #[test]
    fn components_in_other_parts_are_found_by_their_path() {
        let inner = model_xml(P, &cube(1, 4.0), "");
        let made = "<object id=\"1\"><components>\
            <component objectid=\"1\" p:path=\"/3D/Objects/Object_1.model\" transform=\"1 0 0 0 1 0 0 0 1 5 0 0\"/>\
            </components></object>";
        let xml = model_xml(P, made, "<item objectid=\"1\"/>");
        let file =
            |inner: &str| threemf_parts(&[("3D/3dmodel.model", &xml), ("3D/Objects/object_1.model", inner)]);
        let found = read(Cursor::new(file(&inner)), &LIMITS, None).unwrap();
        assert!(near(found.facts.extents.low, [5.0, 0.0, 0.0]) && found.facts.triangles == 12);
        let error =
            read(Cursor::new(threemf_parts(&[("3D/3dmodel.model", &xml)])), &LIMITS, None).unwrap_err();
        assert!(
            error.to_string().contains("`3d/objects/object_1.mod…` in the 3MF")
                || error.to_string().contains("it is named, and not there"),
            "{error}"
        );
        let other = model_xml(&format!("{P} unit=\"inch\""), &cube(1, 4.0), "");
        let error = read(Cursor::new(file(&other)), &LIMITS, None).unwrap_err().to_string();
        assert!(error.contains("counts in inch, and the whole in mm"), "{error}");
        // A path under a prefix that the model does not declare could mean another object to somebody else.
        let undeclared = model_xml("", &format!("{}{made}", cube(2, 1.0)), "<item objectid=\"1\"/>");
        let error = read(Cursor::new(threemf_parts(&[("3D/3dmodel.model", &undeclared)])), &LIMITS, None)
            .unwrap_err();
        assert!(error.to_string().contains("prefix that means nothing here"), "{error}");
    }

    #[test]
    fn objects_in_a_circle_or_without_number_are_refused_in_time() {
        let component = |id: u32| format!("<component objectid=\"{id}\"/>");
        let made =
            |id: u32, inner: &str| format!("<object id=\"{id}\"><components>{inner}</components></object>");
        let circle = format!("{}{}", made(1, &component(2)), made(2, &component(1)));
        let error = plate(&circle, "<item objectid=\"1\"/>").unwrap_err().to_string();
        assert!(error.contains("deeper than 16, or in a circle"), "{error}");
        // Ten of ten of ten…: 10^12 cubes in two kilobytes.
        let laughs: String = (2..14).map(|id| made(id, &component(id - 1).repeat(10))).collect();
        let error =
            plate(&format!("{}{laughs}", cube(1, 1.0)), "<item objectid=\"13\"/>").unwrap_err().to_string();
        assert!(error.contains("too many placements of objects: 10001"), "{error}");
        let error = plate("", "<item objectid=\"5\"/>").unwrap_err().to_string();
        assert!(error.contains("there is no object 5"), "{error}");
    }

    #[test]
    fn what_is_no_plain_mesh_is_refused_rather_than_left_out() {
        let beams = mesh_xml(&soup(&CUBE, 1.0)).replace("</mesh>", "<b:beamlattice/></mesh>");
        let spaces = " xmlns:b=\"http://schemas.microsoft.com/3dmanufacturing/beamlattice/2017/02\"";
        let beams =
            model_xml(spaces, &format!("<object id=\"1\">{beams}</object>"), "<item objectid=\"1\"/>");
        let required =
            model_xml(&format!("{spaces} requiredextensions=\"b\""), &cube(1, 1.0), "<item objectid=\"1\"/>");
        let other = model_xml("", "<object id=\"1\"><booleanshape/></object>", "<item objectid=\"1\"/>");
        for xml in [&beams, &required, &other] {
            let error =
                read(Cursor::new(threemf_parts(&[("3D/3dmodel.model", xml)])), &LIMITS, None).unwrap_err();
            assert!(matches!(error, ModelError::Unsupported(_)), "{error}");
        }
    }

    #[test]
    fn entities_and_document_types_are_refused_and_nothing_of_theirs_is_looked_up() {
        let plain = model_xml("", &cube(1, 1.0), "<item objectid=\"1\"/>");
        let bomb = "<!DOCTYPE model [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>";
        let outside = "<!DOCTYPE model SYSTEM \"file:///etc/passwd\">";
        let hostile = [
            plain.replace("<model", &format!("{bomb}<model")),
            plain.replace("<model", &format!("{outside}<model")),
            plain.replace("<build>", "<metadata name=\"x\">&b;</metadata><build>"),
            plain.replace("<build>", &format!("<metadata>{}</metadata><build>", "x".repeat(300 << 10))),
            plain.replace("<build>", &format!("<metadata name=\"{}\"/><build>", "x".repeat(300 << 10))),
            plain.replace("<build>", &format!("<!--{}--><build>", "x".repeat(300 << 10))),
        ];
        for xml in hostile {
            let error =
                read(Cursor::new(threemf_parts(&[("3D/3dmodel.model", &xml)])), &LIMITS, None).unwrap_err();
            assert!(matches!(error, ModelError::Hostile(_)), "{error}");
        }
        let fine = plain.replace("<build>", "<metadata name=\"a &amp; b\">&lt;&#65;</metadata><build>");
        assert!(read(Cursor::new(threemf_parts(&[("3D/3dmodel.model", &fine)])), &LIMITS, None).is_ok());
    }

    #[test]
    fn what_is_wrong_in_the_xml_is_told_with_its_part_and_place() {
        let good = model_xml("", &cube(1, 1.0), "<item objectid=\"1\"/>");
        for (from, to, told) in [
            ("v1=\"0\"", "v1=\"99\"", "there is no vertex 99 among"),
            ("v1=\"0\"", "v1=\"-1\"", "`-1` is no number of an object or vertex"),
            ("v1=\"0\"", "", "`` is no number of an object or vertex"),
            ("x=\"0\"", "x=\"nan\"", "`nan` is no number"),
            ("x=\"0\"", "x=\"inf\"", "`inf` is no number"),
            ("x=\"0\"", "x=\"0\" x=\"1\"", "`x` is there twice"),
            ("x=\"0\"", "x=\"&#48;\"", "holds an escaped character"),
            ("</object>", "</object><object id=\"1\"><components/></object>", "there are two objects 1"),
            ("objectid=\"1\"", "objectid=\"1\" transform=\"1 0 0\"", "a transform needs twelve numbers"),
            (
                "objectid=\"1\"",
                "objectid=\"1\" transform=\"1 0 0 0 1 0 0 0 0 0 0 0\"",
                "makes the object flat",
            ),
            (
                "objectid=\"1\"",
                "objectid=\"1\" transform=\"1 0 0 0 1 0 0 0 1 0 0 1e12\"",
                "leads out of space",
            ),
            ("</build>", "", "expected `</build>`"),
            ("</build></model>", "", "it ends in the middle"),
            ("<model", "<model unit=\"ell\"", "`ell` is no unit"),
            ("<model", "<thing", "expected"),
            (
                "</model>",
                "</model><model xmlns=\"http://schemas.microsoft.com/3dmanufacturing/core/2015/02\"/>",
                "two models",
            ),
            ("core/2015/02", "core/2099/02", "it is not the XML of a 3MF"),
            ("<build>", &"<a>".repeat(40), "deeper than 32"),
        ] {
            let xml = good.replacen(from, to, 1);
            assert_ne!(xml, good, "{from}");
            let error =
                read(Cursor::new(threemf_parts(&[("3D/3dmodel.model", &xml)])), &LIMITS, None).unwrap_err();
            let shown = error.to_string();
            assert!(matches!(error, ModelError::Part { .. }) && shown.contains(told), "{to}: {shown}");
            assert!(shown.starts_with("`3d/3dmodel.model` in the 3MF, near byte "), "{shown}");
        }
        let error =
            read(Cursor::new(Zip::default().file("a", b"").bytes()), &LIMITS, None).unwrap_err().to_string();
        assert!(error.contains("it has no `_rels/.rels`"), "{error}");
    }

    fn refusal(xml: &str) -> String {
        let file = threemf_parts(&[("3D/3dmodel.model", xml)]);
        read(Cursor::new(file), &LIMITS, None).unwrap_err().to_string()
    }

    #[test]
    fn an_object_without_a_surface_takes_no_room_on_the_plate() {
        let spot = "<object id=\"3\"><mesh><vertices><vertex x=\"0\" y=\"0\" z=\"0\"/><vertex x=\"500\" y=\"0\" z=\"0\"/>\
            </vertices><triangles><triangle v1=\"0\" v2=\"1\" v3=\"0\"/></triangles></mesh></object>";
        let empty = "<object id=\"4\"><mesh><vertices><vertex x=\"700\" y=\"0\" z=\"0\"/></vertices><triangles/></mesh></object>";
        let objects = format!("{}{spot}{empty}", cube(1, 10.0));
        let items = "<item objectid=\"1\"/><item objectid=\"3\"/><item objectid=\"4\"/>";
        let plate = plate(&objects, items).unwrap();
        assert!(near(plate.facts.extents.size(), [10.0; 3]), "{:?}", plate.facts.extents);
        assert_eq!((plate.objects, plate.transforms.placed), (1, 1));
    }

    #[test]
    fn what_some_programs_see_on_the_plate_and_others_do_not_is_refused() {
        const CORE_AS: &str = "\"http://schemas.microsoft.com/3dmanufacturing/core/2015/02\"";
        let two = format!("{}{}", cube(1, 10.0), cube(2, 50.0));
        let one = "<item objectid=\"1\"/>";
        let plain = model_xml("", &two, one);
        let prefixed = "<c:build><c:item objectid=\"2\"/></c:build></model>";
        for (xml, told) in [
            // The same standard by another name, for all of it or for a piece.
            (
                model_xml(&format!(" xmlns:c={CORE_AS}"), &two, one).replace("</model>", prefixed),
                "the namespace of 3MF has two prefixes",
            ),
            (
                plain.replace("</build>", &format!("<c:item xmlns:c={CORE_AS} objectid=\"2\"/></build>")),
                "declares a namespace anew",
            ),
            (
                plain.replace(
                    "</model>",
                    &prefixed.replace("<c:build>", &format!("<c:build xmlns:c={CORE_AS}>")),
                ),
                "declares a namespace anew",
            ),
            (plain.replace("<item", "<item xmlns=\"http://elsewhere.example\""), "declares a namespace anew"),
            (
                plain.replace(
                    "<item",
                    "<item xmlns:c=\"http://schemas.microsoft.com/3dmanufacturing/core/2015&#47;02\"",
                ),
                "declares a namespace anew",
            ),
            (
                model_xml(
                    " xmlns:c=\"http://schemas.microsoft.com/3dmanufacturing/core/2015&#47;02\"",
                    &two,
                    one,
                ),
                "holds an escaped character",
            ),
            // Lists of which one program takes the first, and another the last.
            (
                plain.replace("</model>", "<build><item objectid=\"2\"/></build></model>"),
                "there are two `build`",
            ),
            (plain.replace("<build>", "<resources/><build>"), "there are two `resources`"),
            (plain.replacen("<triangles>", "<vertices/><triangles>", 1), "there are two `vertices`"),
            (plain.replacen("</triangles>", "</triangles><triangles/>", 1), "there are two `triangles`"),
            // What stands there and is no item.
            (plain.replace("</build>", "<other/></build>"), "it needs the extension other"),
            // What a slicer leaves out, and its viewer shows in grey.
            (plain.replace(one, "<item objectid=\"1\" printable=\"0\"/>"), "is marked as not to be printed"),
        ] {
            assert_ne!(xml, plain);
            let error = refusal(&xml);
            assert!(error.contains(told), "{told}: {error}");
        }
        // What is declared anew and means the same, or nothing of ours, harms nobody.
        let same = plain.replace("<build>", &format!("<build xmlns={CORE_AS} xmlns:s=\"http://s.example\">"));
        let shown = same.replace(one, "<item objectid=\"1\" printable=\"1\"/>");
        let found = read(Cursor::new(threemf_parts(&[("3D/3dmodel.model", &shown)])), &LIMITS, None).unwrap();
        assert!(near(found.facts.extents.size(), [10.0; 3]));
    }

    #[test]
    fn only_bodies_are_printed_and_none_that_is_there_to_support_or_change_one() {
        let of = |kind: &str| cube(2, 50.0).replace("type=\"model\"", kind);
        let made = "<object id=\"3\"><components><component objectid=\"1\"/><component objectid=\"2\"/></components></object>";
        for kind in ["support", "solidsupport", "surface", "other", "Model"] {
            let objects = format!("{}{}{made}", cube(1, 10.0), of(&format!("type=\"{kind}\"")));
            for item in ["2", "3"] {
                let error = plate(&objects, &format!("<item objectid=\"{item}\"/>")).unwrap_err().to_string();
                assert!(error.contains(&format!("object 2 is of the type `{kind}`")), "{error}");
            }
            // Where it does not stand on the plate, it is nobody's.
            assert!(plate(&objects, "<item objectid=\"1\"/>").is_ok());
        }
        assert!(plate(&format!("{}{}{made}", cube(1, 10.0), of("")), "<item objectid=\"3\"/>").is_ok());
    }

    #[test]
    fn a_second_model_that_the_first_does_not_name_is_refused() {
        let xml = model_xml("", &cube(1, 10.0), "<item objectid=\"1\"/>");
        let other = model_xml("", &cube(1, 50.0), "<item objectid=\"1\"/>");
        let file = threemf_parts(&[("3D/3dmodel.model", &xml), ("3D/other.model", &other)]);
        let error = read(Cursor::new(file), &LIMITS, None).unwrap_err().to_string();
        assert!(error.contains("`3d/other.model`"), "{error}");
    }

    #[test]
    fn long_paths_are_refused_before_many_of_them_are_held() {
        let path = "x".repeat(600);
        let made = format!(
            "<object id=\"1\"><components><component objectid=\"1\" p:path=\"/{path}\"/></components></object>"
        );
        let error = refusal(&model_xml(P, &made, "<item objectid=\"1\"/>"));
        assert!(error.contains("a path is longer than 512 bytes"), "{error}");
    }

    #[test]
    fn text_in_two_bytes_a_letter_is_refused_as_what_it_is() {
        let xml = model_xml("", &cube(1, 10.0), "<item objectid=\"1\"/>").replace("UTF-8", "UTF-16");
        let wide: Vec<u8> =
            "\u{feff}".chars().chain(xml.chars()).flat_map(|c| (c as u16).to_le_bytes()).collect();
        let rels = "<Relationships><Relationship Target=\"/m\" \
            Type=\"http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel\"/></Relationships>";
        let file = Zip::default().file("_rels/.rels", rels.as_bytes()).file("m", &wide).bytes();
        let error = read(Cursor::new(file), &LIMITS, None).unwrap_err();
        assert!(matches!(error, ModelError::Part { .. }) && error.to_string().contains("UTF-8"), "{error}");
    }

    #[test]
    fn settings_of_a_slicer_beside_the_model_are_noticed() {
        let xml = model_xml("", &cube(1, 1.0), "<item objectid=\"1\"/>");
        let file =
            threemf_parts(&[("3D/3dmodel.model", &xml), ("Metadata/Slic3r_PE.config", "post_process = rm")]);
        assert!(read(Cursor::new(file), &LIMITS, None).unwrap().settings);
    }

    #[test]
    fn bounds_hold_over_all_objects_together() {
        let two = format!("{}{}", cube(1, 1.0), cube(2, 1.0));
        let items = "<item objectid=\"1\"/><item objectid=\"2\"/>";
        let file = threemf(&two, items);
        for (limits, told) in [
            (Limits { triangles: 23, ..LIMITS }, "too many triangles: 24, and 23"),
            (Limits { vertices: 15, ..LIMITS }, "too many vertices: 16, and 15"),
            (Limits { objects: 1, ..LIMITS }, "too many objects: 2, and 1"),
            (Limits { components: 1, ..LIMITS }, "too many components: 2, and 1"),
            (Limits { placed_vertices: 15, ..LIMITS }, "too many vertices as they are placed: 16, and 15"),
            (Limits { expanded: 100, ratio_free: 1 << 20, ..LIMITS }, "unfold to more than"),
            (Limits { attributes: 2, ..LIMITS }, "more than 2 attributes"),
        ] {
            let error = read(Cursor::new(&file), &limits, None).unwrap_err().to_string();
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
