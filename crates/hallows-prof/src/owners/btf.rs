// SPDX-License-Identifier: GPL-2.0-only
//! The registry, from an object's BTF.

use std::collections::HashMap;
use std::ffi::OsStr;

use anyhow::{Context, Result};
use libbpf_rs::btf::types::{
    Array, DataSec, DeclTag, Enum, Enum64, Int, MemberAttr, Ptr, Struct, Union, Var,
};
use libbpf_rs::btf::{Btf, BtfType, TypeId};
use libbpf_rs::{HasSize, ReferencesType};

use super::{Part, Place, Registry, Start};

const TAG: &str = "owner:";

/// Sections of variables that change.
const SECTIONS: [&str; 2] = [".data", ".bss"];

/// Kinds of maps, by their number in the kernel's `enum bpf_map_type`: names, and where
/// values begin. Others have values of another sort.
const MAPS: [(u32, &str, Start); 6] = [
    (1, "hash", Start::Anywhere),
    (2, "array", Start::Anywhere),
    (9, "lru_hash", Start::Anywhere),
    (28, "sk_storage", Start::Line(8)),
    (29, "task_storage", Start::Line(8)),
    (32, "cgrp_storage", Start::Line(8)),
];

/// Owners by type and, for a field, its index.
type Tags = HashMap<(TypeId, Option<u32>), String>;

pub fn read(object: &[u8]) -> Result<Registry> {
    let btf = Btf::from_raw("object", object)
        .context("no object of a BPF program")?
        .context("the object has no BTF")?;
    let tags = tags(&btf);
    let mut places = Vec::new();
    for section in btf.type_by_kind::<DataSec<'_>>() {
        let name = section.name().map_or(String::new(), text);
        for var in section.iter() {
            let found = btf.type_by_id::<Var<'_>>(var.ty);
            let found = found.context("a section holds what is no variable")?;
            if SECTIONS.contains(&name.as_str()) {
                let start = Start::Section(var.offset as usize);
                let owner = tags.get(&(var.ty, None));
                let ty = found.referenced_type();
                places.push(place(
                    &btf,
                    &tags,
                    text_of(&found),
                    &name,
                    start,
                    ty,
                    owner,
                )?);
            } else if name == ".maps"
                && let Some((kind, start, value)) = values(&btf, &found)
            {
                let owner = tags.get(&(var.ty, None));
                places.push(place(
                    &btf,
                    &tags,
                    text_of(&found),
                    kind,
                    start,
                    value,
                    owner,
                )?);
            }
        }
    }
    places.sort_by_key(|place| (place.section.clone(), place.base()));
    Ok(Registry { places })
}

fn tags(btf: &Btf<'_>) -> Tags {
    let mut tags = Tags::new();
    for tag in btf.type_by_kind::<DeclTag<'_>>() {
        let name = tag.name().map_or(String::new(), text);
        if let Some(owner) = name.strip_prefix(TAG) {
            let of = tag.referenced_type().type_id();
            tags.insert((of, tag.component_index()), owner.to_owned());
        }
    }
    tags
}

fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

fn text_of(ty: &BtfType<'_>) -> String {
    ty.name().map_or(String::new(), text)
}

/// What a map's values are, if it is of a kind whose values count.
fn values<'btf>(
    btf: &'btf Btf<'_>,
    map: &Var<'btf>,
) -> Option<(&'static str, Start, BtfType<'btf>)> {
    let definition: Struct<'_> = map
        .referenced_type()
        .skip_mods_and_typedefs()
        .try_into()
        .ok()?;
    let member = |name: &str| {
        (0..definition.len())
            .filter_map(|index| definition.get(index))
            .find(|member| member.name == Some(OsStr::new(name)))
            .and_then(|member| btf.type_by_id::<Ptr<'_>>(member.ty))
            .map(|pointer| pointer.referenced_type())
    };
    // A number is the length of an array.
    let kind: Array<'_> = member("type")?.try_into().ok()?;
    let &(_, kind, start) = MAPS
        .iter()
        .find(|(number, ..)| *number as usize == kind.capacity())?;
    Some((kind, start, member("value")?))
}

/// A variable or value `name` of type `ty`, whose parts without a tag are `owner`'s.
fn place(
    btf: &Btf<'_>,
    tags: &Tags,
    name: String,
    section: &str,
    start: Start,
    ty: BtfType<'_>,
    owner: Option<&String>,
) -> Result<Place> {
    let mut element = ty.skip_mods_and_typedefs();
    let mut count = 1;
    while let Ok(array) = Array::try_from(element) {
        count *= array.capacity();
        element = array.contained_type().skip_mods_and_typedefs();
    }
    let stride = size(element).with_context(|| format!("{name} has no size"))?;
    let owner = tags.get(&(element.type_id(), None)).or(owner);
    let (mut parts, mut kind) = (Vec::new(), String::new());
    match Struct::try_from(element) {
        Ok(fields) => {
            kind = text_of(&element);
            for (index, field) in (0..).zip(fields.iter()) {
                let own = tags.get(&(element.type_id(), Some(index)));
                let MemberAttr::Normal { offset } = field.attr else {
                    continue;
                };
                let ty = btf.type_by_id::<BtfType<'_>>(field.ty);
                parts.push(Part {
                    name: field.name.map_or(String::new(), text),
                    start: offset as usize / 8,
                    size: ty.and_then(size).unwrap_or(0),
                    owner: own.or(owner).cloned(),
                });
            }
        }
        Err(_) => parts.push(Part {
            name: String::new(),
            start: 0,
            size: stride,
            owner: owner.cloned(),
        }),
    }
    Ok(Place {
        name,
        kind,
        section: section.to_owned(),
        start,
        stride,
        count,
        parts,
    })
}

/// Bytes of a type, if it has any.
fn size(ty: BtfType<'_>) -> Option<usize> {
    let ty = ty.skip_mods_and_typedefs();
    if let Ok(array) = Array::try_from(ty) {
        return Some(array.capacity() * size(array.contained_type())?);
    }
    let sized = Struct::try_from(ty)
        .map(|ty| ty.size())
        .or_else(|_| Union::try_from(ty).map(|ty| ty.size()))
        .or_else(|_| Int::try_from(ty).map(|ty| ty.size()))
        .or_else(|_| Enum::try_from(ty).map(|ty| ty.size()))
        .or_else(|_| Enum64::try_from(ty).map(|ty| ty.size()))
        .or_else(|_| Ptr::try_from(ty).map(|_| 8));
    sized.ok()
}
