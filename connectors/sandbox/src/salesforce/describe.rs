//! Describe: which object types and fields the connected user sees.
//!
//! A hidden field is not listed at all; that is how field-level security shows (fact sheet section 3.7).

use serde_json::{Value, json};

use super::{
    MailCapture, answer::Answer, call::Call, cell::CellType, kind::Kind, org::Org, rows::http_date,
    schema::Field,
};

impl Org {
    /// 304 if nothing changed since the date the client has.
    fn is_unchanged(&self, call: &Call) -> bool {
        call.header("if-modified-since")
            .and_then(http_date)
            .is_some_and(|since| self.described_at <= since)
    }

    fn last_modified(&self) -> String {
        self.described_at
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string()
    }

    /// `GET sobjects`.
    pub(crate) fn describe_global(&self, call: &Call) -> Answer {
        if self.is_unchanged(call) {
            return Answer::empty(304);
        }
        let reader = self.reader(call.now, &call.user, &call.version, false);
        let mut kinds: Vec<Value> = Kind::ALL
            .into_iter()
            .filter(|kind| reader.kind(kind.name()).is_some())
            .map(|kind| summary(kind, &call.version))
            .collect();
        if self.switches.mail_capture == MailCapture::LegacyCapture {
            kinds.push(activity_metric());
        }
        Answer::ok(json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": kinds}))
            .with_header("last-modified", &self.last_modified())
    }

    /// `GET sobjects/{type}`.
    pub(crate) fn basic_info(call: &Call, kind: Kind) -> Answer {
        Answer::ok(json!({"objectDescribe": summary(kind, &call.version), "recentItems": []}))
    }

    /// `GET sobjects/{type}/describe`.
    pub(crate) fn describe(&self, call: &Call, kind: Kind) -> Answer {
        if self.is_unchanged(call) {
            return Answer::empty(304);
        }
        let reader = self.reader(call.now, &call.user, &call.version, false);
        let mut shown = summary(kind, &call.version);
        let fields: Vec<Value> = reader
            .fields(kind)
            .map(|field| self.field_json(kind, field))
            .collect();
        let children: Vec<Value> = Kind::ALL
            .into_iter()
            .filter(|child| reader.kind(child.name()).is_some())
            .flat_map(|child| reader.fields(child).map(move |field| (child, field)))
            .filter_map(|(child, field)| {
                let reference = field.relationship()?;
                reference.targets.contains(&kind).then(|| {
                    json!({
                        "cascadeDelete": false, "childSObject": child.name(), "deprecatedAndHidden": false,
                        "field": field.name, "junctionIdListNames": [], "junctionReferenceTo": [],
                        "relationshipName": reference.children, "restrictedDelete": false,
                    })
                })
            })
            .collect();
        if let Some(object) = shown.as_object_mut() {
            object.insert("fields".to_owned(), json!(fields));
            object.insert("childRelationships".to_owned(), json!(children));
            object.insert(
                "recordTypeInfos".to_owned(),
                json!([record_type_info(kind, &call.version)]),
            );
            object.insert("namedLayoutInfos".to_owned(), json!([]));
            object.insert("actionOverrides".to_owned(), json!([]));
            object.insert(
                "supportedScopes".to_owned(),
                json!([{"label": "All", "name": "everything"}]),
            );
        }
        Answer::ok(shown).with_header("last-modified", &self.last_modified())
    }

    fn field_json(&self, kind: Kind, field: &Field) -> Value {
        let (wire, soap) = field.cell_type.wire();
        let is_text = field.cell_type.is_text() || field.cell_type.is_id();
        let options: Vec<Value> = self
            .options(kind, field)
            .into_iter()
            .map(|value| {
                let is_default = self.is_default(kind, field, &value);
                json!({
                    "active": true, "defaultValue": is_default, "label": value, "validFor": null, "value": value,
                })
            })
            .collect();
        let reference = field.relationship();
        let is_polymorphic = reference.is_some_and(|reference| reference.target_names.len() > 1);
        let targets = reference
            .map(|reference| reference.target_names.clone())
            .unwrap_or_default();
        let is_number = matches!(
            field.cell_type,
            CellType::Double | CellType::Currency | CellType::Percent
        );
        let mut shown = json!({
            "aggregatable": field.is_filterable, "aiPredictionField": false, "autoNumber": false,
            "byteLength": if is_text { field.length * 3 } else { 0 }, "calculated": false,
            "calculatedFormula": null, "cascadeDelete": false, "caseSensitive": false, "compoundFieldName": null,
            "controllerName": null, "defaultValueFormula": null, "dependentPicklist": false,
            "deprecatedAndHidden": false, "displayLocationInDecimal": false, "encrypted": false,
            "extraTypeInfo": null, "filteredLookupInfo": null, "formulaTreatNullNumberAsZero": false,
            "highScaleNumber": false, "htmlFormatted": field.name == "HtmlBody", "inlineHelpText": null,
            "mask": null, "maskType": null, "queryByDistance": false, "referenceTargetField": null,
            "relationshipOrder": null, "restrictedDelete": false, "searchPrefilterable": false,
            "writeRequiresMasterRead": false,
        });
        let own = json!({
            "createable": field.is_createable, "custom": field.is_custom,
            "defaultValue": (field.cell_type == CellType::Bool).then_some(false),
            "defaultedOnCreate": field.has_default, "digits": if field.cell_type == CellType::Int { 9 } else { 0 },
            "externalId": field.is_external_id, "filterable": field.is_filterable, "groupable": field.is_filterable,
            "idLookup": field.is_id_lookup, "label": field.label, "length": field.length, "name": field.name,
            "nameField": field.is_name, "namePointing": is_polymorphic, "nillable": field.is_nillable(),
            "permissionable": field.is_createable && !field.is_required, "polymorphicForeignKey": is_polymorphic,
            "precision": if is_number { 18 } else { 0 }, "referenceTo": targets,
            "relationshipName": reference.map(|reference| reference.relationship.clone()),
            "restrictedPicklist": field.is_restricted && !options.is_empty(), "picklistValues": options,
            "scale": if is_number { 2 } else { 0 }, "soapType": soap, "sortable": field.is_sortable, "type": wire,
            "unique": field.is_unique, "updateable": field.is_updateable,
        });
        if let (Some(shown), Value::Object(own)) = (shown.as_object_mut(), own) {
            shown.extend(own);
        }
        shown
    }

    fn is_default(&self, kind: Kind, field: &Field, value: &str) -> bool {
        let list = match (kind, field.name.as_str()) {
            (Kind::Task, "Status") => Kind::TaskStatus,
            (Kind::Task, "Priority") => Kind::TaskPriority,
            (Kind::Lead, "Status") => Kind::LeadStatus,
            _ => return false,
        };
        self.default_value(list) == value
    }
}

/// What activity capture leaves in sight: figures for reports, which no query reaches (fact sheet section 4.8).
fn activity_metric() -> Value {
    json!({
        "createable": false, "custom": false, "deletable": false, "keyPrefix": null, "label": "Activity Metric",
        "labelPlural": "Activity Metrics", "name": "ActivityMetric", "queryable": false, "updateable": false,
    })
}

/// What describe-global says of one object type.
fn summary(kind: Kind, version: &str) -> Value {
    let base = format!("/services/data/v{version}/sobjects/{}", kind.name());
    json!({
        "activateable": false, "associateEntityType": null, "associateParentEntity": null,
        "createable": kind.is_createable(), "custom": false, "customSetting": false, "deepCloneable": false,
        "deletable": kind.is_deletable(), "deprecatedAndHidden": false, "feedEnabled": false, "hasSubtypes": false,
        "isInterface": false, "isSubtype": false, "keyPrefix": kind.prefix(), "label": kind.label(),
        "labelPlural": kind.label_plural(), "layoutable": !kind.is_setup() && !kind.is_history(),
        "mergeable": matches!(kind, Kind::Lead | Kind::Contact | Kind::Account), "mruEnabled": true,
        "name": kind.name(), "queryable": true, "replicateable": kind.is_replicateable(),
        "retrieveable": true, "searchable": !kind.is_setup(), "triggerable": kind.is_createable(),
        "undeletable": kind.is_deletable(), "updateable": kind.is_createable(),
        "urls": {
            "sobject": base, "describe": format!("{base}/describe"), "rowTemplate": format!("{base}/{{ID}}"),
        },
    })
}

fn record_type_info(kind: Kind, version: &str) -> Value {
    let master = "012000000000000AAA";
    json!({
        "active": true, "available": true, "defaultRecordTypeMapping": true, "developerName": "Master",
        "master": true, "name": "Master", "recordTypeId": master,
        "urls": {"layout": format!("/services/data/v{version}/sobjects/{}/describe/layouts/{master}", kind.name())},
    })
}
