//! Names to fields: a tree becomes a plan that cannot fail any more.
//!
//! Everything the connected user may not see is treated as if it were not there, as the vendor does.

use super::{
    super::{
        answer::Refusal,
        cell::{Cell, CellType},
        kind::Kind,
        schema::Field,
    },
    place,
    run::Reader,
    tree::{Aggregate, FieldSet, Item, Operator, Path, Query},
};

/// Most levels from child to parent.
const LEVELS_MAX: usize = 5;
/// Fields of a parent that may be one of several object types.
pub(super) const NAME_FIELDS: [&str; 13] = [
    "Id",
    "Name",
    "Type",
    "FirstName",
    "LastName",
    "Email",
    "Phone",
    "Title",
    "Username",
    "Alias",
    "IsActive",
    "ProfileId",
    "UserRoleId",
];

/// A field reached through references.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Names of the reference fields on the way.
    pub(super) hops: Vec<String>,
    pub(super) name: String,
    pub(super) cell_type: CellType,
}

/// A part of what a record shows.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Leaf {
        name: String,
        cell_type: CellType,
    },
    Parent {
        /// Name of the path, and of the reference field behind it.
        relationship: String,
        field: String,
        is_polymorphic: bool,
        parts: Vec<Self>,
    },
    Children {
        relationship: String,
        /// Field of the child that refers to the record.
        field: String,
        plan: Box<Plan>,
    },
}

/// A condition ready to be tested.
#[derive(Debug, Clone)]
pub(super) enum Test {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare {
        target: Target,
        operator: Operator,
        value: Cell,
    },
    /// Within a span of days; bounds first inclusive, last exclusive.
    Within {
        target: Target,
        operator: Operator,
        first: Cell,
        last: Cell,
    },
    Among {
        target: Target,
        values: Vec<Cell>,
        is_negated: bool,
    },
}

/// An aggregate column.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    pub(super) function: Aggregate,
    pub(super) target: Option<Target>,
    pub(super) name: String,
}

/// A query ready to run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    pub(super) parts: Vec<Part>,
    pub(super) test: Option<Test>,
    pub(super) groups: Vec<(Target, String)>,
    pub(super) summaries: Vec<Summary>,
    pub(super) order: Vec<(Target, bool, bool)>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

/// Resolves the names of one statement.
pub(super) struct Resolver<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) text: &'a str,
}

impl Resolver<'_> {
    pub(super) fn plan(&self, query: &Query) -> Result<Plan, Refusal> {
        let name = query.from.shown();
        let kind = self
            .reader
            .kind(&name)
            .ok_or_else(|| self.unknown_type(&query.from, &name))?;
        self.plan_of(query, kind)
    }

    fn unknown_type(&self, path: &Path, name: &str) -> Refusal {
        place::error(
            "INVALID_TYPE",
            self.text,
            path.at,
            &format!(
                "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to \
                 append the '__c' after the entity name. Please reference your WSDL or the describe call for the \
                 appropriate names."
            ),
        )
    }

    fn plan_of(&self, query: &Query, kind: Kind) -> Result<Plan, Refusal> {
        let alias = query.alias.as_deref();
        let mut plan = Plan {
            kind,
            parts: Vec::new(),
            test: None,
            groups: Vec::new(),
            summaries: Vec::new(),
            order: Vec::new(),
            limit: query.limit,
            offset: query.offset,
        };
        for path in &query.group_by {
            let target = self.target(kind, &strip(path, alias))?;
            plan.groups.push((target, path.shown()));
        }
        for item in &query.items {
            self.item(&mut plan, query, item)?;
        }
        if let Some(condition) = &query.condition {
            plan.test = Some(self.test(kind, alias, condition)?);
        }
        for key in &query.order_by {
            let path = strip(&key.path, alias);
            let target = self.target(kind, &path)?;
            let is_sortable = !target.hops.is_empty()
                || self
                    .reader
                    .field(kind, &target.name)
                    .is_none_or(|field| field.is_sortable);
            if !is_sortable {
                let message = format!("field '{}' can not be sorted in a query call", path.shown());
                return Err(place::malformed(self.text, path.at, &message));
            }
            plan.order.push((target, key.is_descending, key.nulls_last));
        }
        Ok(plan)
    }

    fn item(&self, plan: &mut Plan, query: &Query, item: &Item) -> Result<(), Refusal> {
        let kind = plan.kind;
        match item {
            Item::Field { path, alias } => {
                let path = strip(path, query.alias.as_deref());
                if query.is_aggregate() {
                    return self.grouped(plan, &path, alias.as_deref());
                }
                self.leaf(kind, &path, &path.parts, &mut plan.parts, 0)
            }
            Item::Fields { set, at } => {
                if *set != FieldSet::Standard && query.limit.is_none_or(|limit| limit > 200) {
                    let message = "The SOQL FIELDS function must have a LIMIT of at most 200";
                    return Err(place::malformed(self.text, *at, message));
                }
                for field in self.reader.fields(kind) {
                    let is_asked = match set {
                        FieldSet::All => true,
                        FieldSet::Standard => !field.is_custom,
                        FieldSet::Custom => field.is_custom,
                    };
                    if is_asked {
                        plan.parts.push(Part::Leaf {
                            name: field.name.clone(),
                            cell_type: field.cell_type,
                        });
                    }
                }
                Ok(())
            }
            Item::Aggregate {
                function,
                path,
                alias,
            } => {
                let target = path
                    .as_ref()
                    .map(|path| self.target(kind, &strip(path, query.alias.as_deref())))
                    .transpose()?;
                let name = alias
                    .clone()
                    .unwrap_or_else(|| format!("expr{}", plan.summaries.len()));
                plan.summaries.push(Summary {
                    function: *function,
                    target,
                    name,
                });
                Ok(())
            }
            Item::Children(inner) => {
                let (field, child, relationship) = self.children(kind, &inner.from)?;
                let inner = self.plan_of(inner, child)?;
                plan.parts.push(Part::Children {
                    relationship,
                    field,
                    plan: Box::new(inner),
                });
                Ok(())
            }
        }
    }

    fn grouped(&self, plan: &mut Plan, path: &Path, alias: Option<&str>) -> Result<(), Refusal> {
        let target = self.target(plan.kind, path)?;
        let group = plan
            .groups
            .iter_mut()
            .find(|(known, _)| known.name == target.name && known.hops == target.hops);
        match group {
            Some(group) => {
                target.name.clone_into(&mut group.1);
                if let Some(alias) = alias {
                    alias.clone_into(&mut group.1);
                }
                Ok(())
            }
            None => Err(place::malformed(
                self.text,
                path.at,
                &format!("Field must be grouped or aggregated: {}", path.shown()),
            )),
        }
    }

    /// Adds the field `rest` of `kind` to what is shown, through its parents.
    fn leaf(
        &self,
        kind: Kind,
        path: &Path,
        rest: &[String],
        parts: &mut Vec<Part>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let Some((first, deeper)) = rest.split_first() else {
            return Ok(());
        };
        if deeper.is_empty() {
            let field = self
                .reader
                .field(kind, first)
                .ok_or_else(|| self.no_column(kind, path, first))?;
            push_leaf(parts, &field.name, field.cell_type);
            return Ok(());
        }
        let (field, relationship, targets) = self.relationship(kind, path, first, depth)?;
        let at = parts.iter().position(
            |part| matches!(part, Part::Parent { relationship: known, .. } if *known == relationship),
        );
        let at = at.unwrap_or_else(|| {
            parts.push(Part::Parent {
                relationship,
                field,
                is_polymorphic: targets.len() > 1,
                parts: Vec::new(),
            });
            parts.len() - 1
        });
        let Some(Part::Parent { parts: inner, .. }) = parts.get_mut(at) else {
            return Ok(());
        };
        match (targets.as_slice(), deeper) {
            ([target], _) => self.leaf(*target, path, deeper, inner, depth + 1),
            (_, [name]) => {
                let (name, cell_type) = self.name_field(&targets, path, name)?;
                push_leaf(inner, &name, cell_type);
                Ok(())
            }
            _ => Err(self.no_relationship(path, deeper.first().map_or("", String::as_str))),
        }
    }

    /// The field a path leads to.
    pub(super) fn target(&self, kind: Kind, path: &Path) -> Result<Target, Refusal> {
        let mut hops = Vec::new();
        let mut of = kind;
        let mut rest = path.parts.as_slice();
        while let [first, deeper @ ..] = rest {
            if deeper.is_empty() {
                let field = self
                    .reader
                    .field(of, first)
                    .ok_or_else(|| self.no_column(of, path, first))?;
                return Ok(Target {
                    hops,
                    name: field.name.clone(),
                    cell_type: field.cell_type,
                });
            }
            let (field, _, targets) = self.relationship(of, path, first, hops.len())?;
            hops.push(field);
            match (targets.as_slice(), deeper) {
                ([target], _) => of = *target,
                (_, [name]) => {
                    let (name, cell_type) = self.name_field(&targets, path, name)?;
                    return Ok(Target {
                        hops,
                        name,
                        cell_type,
                    });
                }
                _ => return Err(self.no_relationship(path, deeper.first().map_or("", String::as_str))),
            }
            rest = deeper;
        }
        Err(self.no_column(kind, path, &path.shown()))
    }

    fn relationship(
        &self,
        kind: Kind,
        path: &Path,
        name: &str,
        depth: usize,
    ) -> Result<(String, String, Vec<Kind>), Refusal> {
        let field = self
            .reader
            .store
            .schema(kind)
            .by_relationship(name)
            .filter(|field| self.reader.field(kind, &field.name).is_some() && depth < LEVELS_MAX);
        let reference = field.and_then(Field::relationship);
        match (field, reference) {
            (Some(field), Some(reference)) if !reference.targets.is_empty() => Ok((
                field.name.clone(),
                reference.relationship.clone(),
                reference.targets.clone(),
            )),
            _ => Err(self.no_relationship(path, name)),
        }
    }

    fn name_field(&self, targets: &[Kind], path: &Path, name: &str) -> Result<(String, CellType), Refusal> {
        let known = NAME_FIELDS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name))
            .ok_or_else(|| self.no_column_of("Name", path, name))?;
        let cell_type = targets
            .iter()
            .find_map(|kind| self.reader.store.schema(*kind).get(known))
            .map_or(CellType::Text, |field| field.cell_type);
        Ok((known.to_owned(), cell_type))
    }

    /// The child reference behind a relationship of `kind`.
    fn children(&self, kind: Kind, from: &Path) -> Result<(String, Kind, String), Refusal> {
        let name = from.shown();
        for child in Kind::ALL {
            if self.reader.kind(child.name()).is_none() {
                continue;
            }
            for field in self.reader.fields(child) {
                let Some(reference) = field.relationship() else {
                    continue;
                };
                if let Some(children) = &reference.children
                    && children.eq_ignore_ascii_case(&name)
                    && reference.targets.contains(&kind)
                {
                    return Ok((field.name.clone(), child, children.clone()));
                }
            }
        }
        Err(place::error(
            "INVALID_TYPE",
            self.text,
            from.at,
            &format!(
                "Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a \
                 custom relationship, be sure to append the '__r' after the custom relationship name. Please reference \
                 your WSDL or the describe call for the appropriate names."
            ),
        ))
    }

    fn no_column(&self, kind: Kind, path: &Path, name: &str) -> Refusal {
        self.no_column_of(kind.name(), path, name)
    }

    fn no_column_of(&self, entity: &str, path: &Path, name: &str) -> Refusal {
        place::error(
            "INVALID_FIELD",
            self.text,
            path.at,
            &format!(
                "No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to \
                 append the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
                 appropriate names."
            ),
        )
    }

    fn no_relationship(&self, path: &Path, name: &str) -> Refusal {
        place::error(
            "INVALID_FIELD",
            self.text,
            path.at,
            &format!(
                "Didn't understand relationship '{name}' in field path. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your \
                 WSDL or the describe call for the appropriate names."
            ),
        )
    }
}

fn push_leaf(parts: &mut Vec<Part>, name: &str, cell_type: CellType) {
    let is_there = parts
        .iter()
        .any(|part| matches!(part, Part::Leaf { name: known, .. } if known == name));
    if !is_there {
        parts.push(Part::Leaf {
            name: name.to_owned(),
            cell_type,
        });
    }
}

/// A path without the alias of the `FROM` clause, or without the type's own name, before it.
pub(super) fn strip(path: &Path, alias: Option<&str>) -> Path {
    let mut path = path.clone();
    let is_prefixed = match (path.parts.as_slice(), alias) {
        ([first, _, ..], Some(alias)) => first.eq_ignore_ascii_case(alias),
        _ => false,
    };
    if is_prefixed {
        path.parts.remove(0);
    }
    path
}
