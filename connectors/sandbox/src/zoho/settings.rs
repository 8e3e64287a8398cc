//! Metadata: modules, fields, layouts, pipelines, `__apis`; and custom fields created through the API.
//!
//! Sources: fact sheet sections 2.1, 4 and 5.4.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    module::Module,
    people::complete,
    schema::{Field, FieldType},
    switches::ZohoField,
    tenant::{STAGES, Tenant},
};

/// Most unique fields of a module.
const UNIQUE_MAX: usize = 2;

impl Tenant {
    /// A request under `/settings/`.
    pub(crate) fn settings(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let is_get = call.method == http::Method::GET;
        match rest {
            ["modules"] if is_get => {
                call.needs(&["ZohoCRM.settings.modules.READ"])?;
                let shown: Vec<Value> = self.visible().map(|module| self.shown_module(module)).collect();
                Ok(Answer::ok(json!({ "modules": shown })))
            }
            ["modules", name] if is_get => {
                call.needs(&["ZohoCRM.settings.modules.READ"])?;
                let module = self
                    .module_named(name)
                    .ok_or_else(|| Refusal::no_such_module(2))?;
                Ok(Answer::ok(json!({"modules": [self.shown_module(module)]})))
            }
            ["fields"] if is_get => {
                call.needs(&["ZohoCRM.settings.fields.READ"])?;
                let module = self.module_param(call)?;
                Ok(Answer::ok(json!({ "fields": self.shown_fields(module, None) })))
            }
            ["fields", id] if is_get => {
                call.needs(&["ZohoCRM.settings.fields.READ"])?;
                let module = self.module_param(call)?;
                let shown = self.shown_fields(module, Some(id));
                if shown.is_empty() {
                    return Err(Refusal::no_such_id(2));
                }
                Ok(Answer::ok(json!({ "fields": shown })))
            }
            ["fields"] if call.method == http::Method::POST => {
                call.needs(&["ZohoCRM.settings.fields.CREATE"])?;
                self.create_fields(call)
            }
            ["layouts"] if is_get => {
                call.needs(&["ZohoCRM.settings.layouts.READ"])?;
                let module = self.module_param(call)?;
                Ok(Answer::ok(json!({"layouts": [self.shown_layout(module)]})))
            }
            ["pipeline"] if is_get => self.pipelines(call),
            ["related_lists"] if is_get => {
                call.needs(&["ZohoCRM.settings.related_lists.READ"])?;
                self.related_settings(call)
            }
            ["profiles"] if is_get => {
                call.needs(&["ZohoCRM.settings.profiles.READ"])?;
                let profile = json!({"id": self.meta_id("profile"), "name": "Administrator", "display_label": "Administrator",
                    "type": "normal_profile", "custom": false});
                Ok(Answer::ok(json!({"profiles": [profile]})))
            }
            ["roles"] if is_get => {
                call.needs(&["ZohoCRM.settings.roles.READ"])?;
                let role = json!({"id": self.meta_id("role"), "name": "CEO", "display_label": "CEO",
                    "admin_user": true, "share_with_peers": true});
                Ok(Answer::ok(json!({"roles": [role]})))
            }
            _ => Err(Refusal::no_such_path()),
        }
    }

    /// The modules there are here.
    fn visible(&self) -> impl Iterator<Item = Module> {
        Module::ALL
            .into_iter()
            .filter(|module| !self.switches.hidden_modules.contains(module.name()))
    }

    /// A module by API name.
    pub(crate) fn module_named(&self, name: &str) -> Option<Module> {
        Module::parse(name).filter(|module| !self.switches.hidden_modules.contains(module.name()))
    }

    /// The mandatory parameter `module`.
    pub(crate) fn module_param(&self, call: &Call) -> Result<Module, Refusal> {
        let name = call.query("module").ok_or_else(|| {
            Refusal::bad(
                "REQUIRED_PARAM_MISSING",
                "One of the expected parameter is missing",
            )
            .with("param_name", json!("module"))
        })?;
        self.module_named(name).ok_or_else(|| {
            Refusal::bad("INVALID_MODULE", "the module name given seems to be invalid")
                .with("param_name", json!("module"))
        })
    }

    fn shown_module(&self, module: Module) -> Value {
        let is_own = module != Module::DealHistory;
        let generated = if is_own { "default" } else { "linking" };
        let own = json!({
            "id": self.meta_id(&format!("module {}", module.name())),
            "api_name": module.name(), "module_name": module.label_plural(),
            "singular_label": module.label(), "plural_label": module.label_plural(),
            "show_as_tab": is_own, "creatable": is_own, "editable": is_own, "deletable": is_own,
            "generated_type": generated, "convertable": module == Module::Leads,
            "global_search_supported": is_own, "triggers_supported": is_own, "quick_create": is_own,
            "webform_supported": module.is_parent(), "email_template_support": module.is_parent(),
            "isBlueprintSupported": is_own, "recycle_bin_on_delete": is_own,
        });
        complete(include_str!("meta/module.json"), own)
    }

    fn field_id(&self, module: Module, at: usize) -> String {
        self.part_id(&format!("module {}", module.name()), at + 1)
    }

    fn shown_fields(&self, module: Module, only: Option<&str>) -> Vec<Value> {
        self.store
            .schema(module)
            .all()
            .enumerate()
            .map(|(at, field)| (at, self.field_id(module, at), field))
            .filter(|(_, id, field)| {
                !self.is_hidden(module, &field.name)
                    && only.is_none_or(|only| id == only || field.name == only)
            })
            .map(|(at, id, field)| self.shown_field(module, (at, &id), field))
            .collect()
    }

    fn shown_field(&self, module: Module, (place, id): (usize, &str), field: &Field) -> Value {
        let (data_type, json_type) = field.kind.wire();
        let is_open = !field.is_read_only && field.kind != FieldType::Id;
        let options: Vec<Value> = field
            .options
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let mut option = json!({
                    "id": self.part_id(&format!("module {}", module.name()), 1_000 + 100 * place + at),
                    "display_value": name, "actual_value": name, "reference_value": name,
                    "sequence_number": at + 1, "type": "used", "colour_code": Value::Null,
                });
                let stage = STAGES.iter().find(|stage| stage.0 == name);
                if let (Some((_, probability, forecast)), Some(object), "Stage") =
                    (stage, option.as_object_mut(), field.name.as_str())
                {
                    object.insert("probability".to_owned(), json!(probability));
                    object.insert("forecast_type".to_owned(), json!(forecast));
                    object.insert("deal_category".to_owned(), json!(forecast));
                }
                option
            })
            .collect();
        let lookup = match field.kind {
            FieldType::Lookup(far) => json!({
                "display_label": field.label(), "api_name": Value::Null, "id": id,
                "module": {"api_name": far.name(), "id": self.meta_id(&format!("module {}", far.name()))},
                "query_details": {}, "revalidate_filter_during_edit": false,
            }),
            FieldType::What => json!({
                "display_label": field.label(), "api_name": Value::Null, "id": id,
                "module": {"api_name": "se_module", "id": id}, "query_details": {},
                "revalidate_filter_during_edit": false,
            }),
            _ => json!({}),
        };
        let unique = if field.is_unique {
            json!({"casesensitive": "false", "case_sensitive": false})
        } else {
            json!({})
        };
        let external = if field.is_external {
            json!({"type": "org", "show": true, "allow_multiple_config": false})
        } else {
            Value::Null
        };
        let own = json!({
            "id": id, "api_name": field.name, "field_label": field.label(), "display_label": field.label(),
            "data_type": data_type, "json_type": json_type, "length": field.length,
            "system_mandatory": field.is_required, "read_only": field.is_read_only,
            "field_read_only": field.is_read_only, "custom_field": field.is_custom,
            "created_source": if field.is_custom { "custom" } else { "default" },
            "pick_list_values": options, "lookup": lookup, "unique": unique, "external": external,
            "searchable": field.kind.is_text(), "mass_update": is_open,
            "display_field": field.name == module.name_field(),
            "view_type": {"view": true, "edit": is_open, "quick_create": field.is_required, "create": is_open},
            "operation_type": {"web_update": is_open, "api_create": is_open, "web_create": is_open, "api_update": is_open},
        });
        complete(include_str!("meta/field.json"), own)
    }

    fn shown_layout(&self, module: Module) -> Value {
        let id = self.meta_id(&format!("layout {}", module.name()));
        let fields: Vec<Value> = self
            .shown_fields(module, None)
            .into_iter()
            .map(|field| json!({"api_name": field.get("api_name"), "id": field.get("id"), "field_label": field.get("field_label"),
                "data_type": field.get("data_type"), "required": field.get("system_mandatory")}))
            .collect();
        json!({
            "id": id, "name": "Standard", "display_label": "Standard", "api_name": "Standard__s", "status": "active",
            "visible": true, "source": "crm", "mode": "default", "created_time": Value::Null, "modified_time": Value::Null,
            "created_by": Value::Null, "modified_by": Value::Null, "profiles": [], "convert_mapping": {},
            "sections": [{"name": "Information", "api_name": "Information", "display_label": "Information",
                "sequence_number": 1, "column_count": 2, "tab_traversal": 2, "type": "used", "fields": fields}],
        })
    }

    /// `GET /settings/pipeline?layout_id=`: what each stage means.
    fn pipelines(&self, call: &Call) -> Outcome {
        call.needs(&["ZohoCRM.settings.pipeline.READ"])?;
        let layout = call.query("layout_id").ok_or_else(|| {
            Refusal::bad(
                "REQUIRED_PARAM_MISSING",
                "One of the expected parameter is missing",
            )
            .with("param_name", json!("layout_id"))
        })?;
        if layout != self.meta_id("layout Deals") {
            return Err(Refusal::param("layout_id"));
        }
        let id = self.meta_id("pipeline");
        let maps: Vec<Value> = STAGES
            .iter()
            .enumerate()
            .map(|(at, (name, _, forecast))| {
                let category = if *forecast == "Open" { "Pipeline" } else { forecast };
                json!({
                    "id": self.part_id("pipeline", at + 1), "display_value": name, "actual_value": name,
                    "sequence_number": at + 1, "forecast_type": forecast, "colour_code": Value::Null,
                    "forecast_category": {"name": category, "id": self.part_id("pipeline", at + 101)},
                })
            })
            .collect();
        Ok(Answer::ok(json!({"pipeline": [{
            "id": id, "display_value": "Standard (Standard)", "actual_value": "Standard (Standard)", "default": true,
            "child_available": false, "parent": Value::Null, "maps": maps,
        }]})))
    }

    /// `POST /settings/fields?module=`: custom fields, unique and external ones included.
    fn create_fields(&mut self, call: &Call) -> Outcome {
        let module = self.module_param(call)?;
        let body = call.object()?;
        let Some(sent) = body.get("fields").and_then(Value::as_array) else {
            return Err(Refusal::bad("MANDATORY_NOT_FOUND", "required field not found")
                .with("api_name", json!("fields"))
                .with("json_path", json!("$.fields")));
        };
        let mut elements = Vec::new();
        for (index, field) in sent.clone().iter().enumerate() {
            let made = self.create_field(module, field, index);
            elements.push(match made {
                Ok(id) => json!({"code": "SUCCESS", "details": {"id": id}, "message": "field created", "status": "success"}),
                Err(refusal) => refusal.to_json(),
            });
        }
        let has_error = elements
            .iter()
            .any(|element| element.get("status") == Some(&json!("error")));
        let status = if has_error { 400 } else { 201 };
        Ok(Answer::json(status, json!({ "fields": elements })))
    }

    fn create_field(&mut self, module: Module, sent: &Value, index: usize) -> Result<String, Refusal> {
        let path = |name: &str| format!("$.fields[{index}].{name}");
        let text = |name: &str| {
            sent.get(name).and_then(Value::as_str).ok_or_else(|| {
                Refusal::bad("MANDATORY_NOT_FOUND", "required field not found")
                    .with("api_name", json!(name))
                    .with("json_path", json!(path(name)))
            })
        };
        let label = text("field_label")?;
        let data_type = text("data_type")?;
        let name = label.trim().replace(' ', "_");
        if self.store.schema(module).get(&name).is_some() {
            return Err(Refusal::bad("DUPLICATE_DATA", "duplicate data")
                .with("api_name", json!("field_label"))
                .with("json_path", json!(path("field_label"))));
        }
        let length = sent.get("length").and_then(Value::as_u64).unwrap_or(255).min(255);
        let field_type = match data_type {
            "text" => format!("text({length})"),
            "textarea" | "boolean" | "date" | "datetime" | "integer" | "double" | "email" | "phone" => {
                data_type.to_owned()
            }
            _ => return Err(Refusal::invalid("data_type", &path("data_type"))),
        };
        let is_set = |name: &str| sent.get(name).is_some_and(Value::is_object);
        let (is_unique, is_external) = (is_set("unique"), is_set("external"));
        let is_task = module == Module::Tasks;
        if is_unique && is_task && !self.switches.tasks_take_unique {
            return Err(
                Refusal::bad("NOT_SUPPORTED", "unique is not supported for the module")
                    .with("api_name", json!("unique"))
                    .with("json_path", json!(path("unique"))),
            );
        }
        let refuses_external = module == Module::Calls || is_task && !self.switches.tasks_take_external;
        if is_external && (data_type != "text" || refuses_external) {
            return Err(
                Refusal::bad("NOT_SUPPORTED", "external is not supported for the field")
                    .with("api_name", json!("external"))
                    .with("json_path", json!(path("external"))),
            );
        }
        let schema = self.store.schema(module);
        let unique_fields = schema.all().filter(|field| field.is_unique).count();
        if is_unique && unique_fields >= UNIQUE_MAX {
            return Err(
                Refusal::bad("LIMIT_EXCEEDED", "the limit of unique fields is reached")
                    .with("limit", json!(UNIQUE_MAX)),
            );
        }
        let mut switches = self.switches.clone();
        switches.custom_fields.push(ZohoField {
            module: module.name().to_owned(),
            name: name.clone(),
            field_type,
            is_unique,
            is_external,
            is_required: false,
        });
        self.set_switches(switches);
        let at = self
            .store
            .schema(module)
            .all()
            .position(|field| field.name == name);
        Ok(self.field_id(module, at.unwrap_or_default()))
    }

    /// `GET /__apis`: what each call needs and costs.
    pub(crate) fn apis(&self, call: &Call) -> Outcome {
        if !self.switches.serves_apis {
            return Err(Refusal::no_such_path());
        }
        call.needs(&["ZohoCRM.apis.READ"])?;
        let operation = |method: &str, scope: &str, min: u32, max: u32| json!({"method": method, "oauth_scope": scope, "min_credits": min, "max_credits": max});
        let list_max = if self.switches.sorted_lists_cost_more {
            3
        } else {
            1
        };
        let mut entries = vec![
            json!({"path": "/crm/v8/coql", "operation_types": [operation("POST", "ZohoCRM.coql.READ", 1, 3)]}),
            json!({"path": "/crm/v8/users", "operation_types": [operation("GET", "ZohoCRM.users.READ", 1, 1)]}),
            json!({"path": "/crm/v8/org", "operation_types": [operation("GET", "ZohoCRM.org.READ", 1, 1)]}),
            json!({"path": "/crm/v8/settings/fields", "operation_types": [operation("GET", "ZohoCRM.settings.fields.READ", 1, 1)]}),
            json!({"path": "/crm/v8/Leads/{id}/actions/convert",
                "operation_types": [operation("POST", "ZohoCRM.modules.leads.CREATE", 5, 5)]}),
        ];
        for module in self.visible() {
            let scope = |operation: &str| format!("ZohoCRM.modules.{}.{operation}", module.scope());
            let (name, read) = (module.name(), scope("READ"));
            let mut operations = vec![operation("GET", &read, 1, list_max)];
            if module != Module::DealHistory {
                operations.push(operation("POST", &scope("CREATE"), 1, 10));
                operations.push(operation("PUT", &scope("UPDATE"), 1, 10));
                operations.push(operation("DELETE", &scope("DELETE"), 1, 10));
            }
            entries.push(json!({"path": format!("/crm/v8/{name}"), "operation_types": operations}));
            for rest in ["{id}", "deleted"] {
                let path = format!("/crm/v8/{name}/{rest}");
                entries.push(json!({"path": path, "operation_types": [operation("GET", &read, 1, 1)]}));
            }
            if module.is_parent() {
                let path = format!("/crm/v8/{name}/{{id}}/Emails");
                let scopes = format!("{read},ZohoCRM.modules.emails.READ");
                entries.push(json!({"path": path, "operation_types": [operation("GET", &scopes, 1, 1)]}));
            }
        }
        Ok(Answer::ok(json!({ "__apis": entries })))
    }
}
