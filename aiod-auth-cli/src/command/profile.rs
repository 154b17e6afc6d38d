//! `profile`: looks at the profiles in `config.toml`, and changes them.

use std::{fmt, path::Path};

use serde::Serialize;
use serde_json::{Map, Value, json};
use toml_edit::{Array, InlineTable, Item, Table, TableLike};

use crate::{
    args::{Flow, Global, Profile, ProfileSet},
    config::{Config, ConfigFile, set},
    context::Context,
    failure::Failure,
    platform::Platform,
    print::without_users,
    settings::{self, Settings, StoreUri},
};

pub(crate) fn run(context: &Context, command: &Profile) -> Result<(), Failure> {
    refuse_unused(&context.global, command)?;
    match command {
        Profile::List => list(context),
        Profile::Show { name } => show(context, name.as_deref()),
        Profile::Set(options) => change(context, options),
        Profile::Remove { name } => remove(context, name),
    }
}

/// Options that are for any command, but say nothing to this one, are a mistake.
fn refuse_unused(global: &Global, command: &Profile) -> Result<(), Failure> {
    let uses_profile = matches!(command, Profile::Show { name: None });
    if global.profile.is_some() && !uses_profile {
        return Err(Failure::usage("`profile` takes the name without --profile"));
    }
    let is_set = matches!(command, Profile::Set(_));
    let is_given = global.is_ad_hoc()
        || global.store.is_some()
        || global.account.is_some()
        || global.ca_file.is_some()
        || global.client_certificate.is_some();
    if is_given && !is_set {
        return Err(Failure::usage(
            "--issuer, --client-id, --client-secret-file, --scope, --resource, --parameter, --account, --store, --ca-file and --client-certificate are for `profile set`",
        ));
    }
    Ok(())
}

fn list(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let listed = |name: &str| {
        let profile = config.profile(name)?;
        Ok(Listed {
            profile: name.into(),
            issuer: profile.issuer.as_deref().map(without_users),
            client_id: profile.client_id,
            platform: profile.platform.map(Platform::name),
            default: config.default_profile.as_deref() == Some(name),
        })
    };
    let list: Result<_, Failure> = config.names().into_iter().map(listed).collect();
    context.printer.answer(&List(list?))
}

#[derive(Serialize)]
#[serde(transparent)]
struct List(Vec<Listed>);

#[derive(Serialize)]
struct Listed {
    profile: String,
    issuer: Option<String>,
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'static str>,
    default: bool,
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Listed { profile, issuer, platform, default, .. } in &self.0 {
            let issuer = match (issuer, platform) {
                (Some(issuer), _) => issuer,
                (None, Some(platform)) => &format!("(platform {platform})"),
                (None, None) => "(no issuer)",
            };
            let default = if *default { "  (default)" } else { "" };
            writeln!(f, "{profile}  {issuer}{default}")?;
        }
        Ok(())
    }
}

fn show(context: &Context, name: Option<&str>) -> Result<(), Failure> {
    let config = context.config()?;
    let name = match name {
        Some(name) => name.into(),
        None => settings::profile_name(context, &config)?,
    };
    config.profile(&name)?;
    let file = ConfigFile::read(&context.config_folder()?)?;
    let built_in = Platform::built_in(&name).map(|platform| {
        let mut profile = Table::new();
        set(&mut profile, "platform", platform.name());
        profile
    });
    let built_in = built_in.as_ref().map(|profile| profile as &dyn TableLike);
    let Some(profile) = file.profile(&name).or(built_in) else {
        return Ok(());
    };
    if context.global.json {
        return context.printer.json(&as_json(&name, profile));
    }
    let lines =
        profile.iter().map(|(key, value)| format!("{key} = {}\n", value.to_string().trim()));
    context.printer.text(&without_users(&lines.collect::<String>()))
}

/// The profile as it is written, but for passwords.
fn as_json(name: &str, profile: &dyn TableLike) -> Value {
    let mut object = members(profile);
    object.insert("profile".into(), json!(name));
    Value::Object(object)
}

fn members(table: &dyn TableLike) -> Map<String, Value> {
    table.iter().map(|(key, item)| (key.into(), value(item))).collect()
}

/// There are strings, booleans, numbers, lists of strings and tables of these in a profile: anything else is an error.
fn value(item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return Value::Object(members(table));
    }
    if let Some(list) = item.as_array() {
        return list.iter().filter_map(|text| text.as_str().map(without_users)).collect();
    }
    match (item.as_bool(), item.as_integer()) {
        (Some(value), _) => json!(value),
        (None, Some(number)) => json!(number),
        (None, None) => json!(item.as_str().map(without_users)),
    }
}

fn change(context: &Context, options: &ProfileSet) -> Result<(), Failure> {
    let name = &options.name;
    let usable = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(usable) {
        return Err(Failure::usage("a profile's name has letters, digits, and any of -_."));
    }
    let folder = context.config_folder()?;
    let mut file = edit(context, &folder)?;
    let before = login_of(context, &file.config()?, name);
    write(file.profile_mut(name)?, &context.global, options, &folder)?;
    if options.default {
        file.set_default_profile(name);
    }
    let config = file.config()?;
    settings::check(context, &config, name)?;
    file.save()?;
    if let Some(location) = before
        && login_of(context, &config, name).as_ref() != Some(&location)
    {
        context.printer.warn(&format!(
            "the login of `{name}` as it was before is still there, and alive: {location}"
        ));
    }
    if let Ok(settings) = Settings::of_profile(context, &config, name)
        && let Some(other) = settings.profiles_of_the_same_login(context).first()
    {
        context.printer.warn(&format!(
            "`{name}` has the login of `{other}`, which is in {}; with --account it has one of its own",
            settings.location()
        ));
    }
    context.printer.say(&format!("The profile `{name}` is set."));
    Ok(())
}

/// Where the profile's login is, if there is one.
fn login_of(context: &Context, config: &Config, name: &str) -> Option<String> {
    let settings = Settings::of_profile(context, config, name).ok()?;
    settings.tokens().ok()?.map(|_| settings.location())
}

fn write(
    profile: &mut dyn TableLike,
    global: &Global,
    options: &ProfileSet,
    folder: &Path,
) -> Result<(), Failure> {
    let flow = options.flow.map(Flow::name);
    let store = global.store.as_deref().map(absolute_store).transpose()?;
    let texts = [
        ("issuer", &global.issuer),
        ("api", &global.api),
        ("client_id", &global.client_id),
        ("flow", &flow),
        ("redirect_uri", &options.redirect_uri),
        ("organisation", &options.organisation),
        ("account", &global.account),
        ("store", &store),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            set(profile, key, text);
        }
    }
    let says = |key| profile.contains_key(key);
    let platform = if says("platform") || Platform::from_name(&options.name).is_some() {
        None
    } else if options.organisation.is_some() {
        Some(Platform::OF_ORGANISATIONS)
    } else if global.api.is_some() && !says("issuer") {
        Some(Platform::BY_API)
    } else {
        None
    };
    if let Some(platform) = platform {
        set(profile, "platform", platform.name());
    }
    if let Some(secret) = &global.client_secret_file {
        set(profile, "client_secret_file", seen_from(folder, secret)?);
        profile.remove("client_secret_env");
    }
    if let Some(file) = &global.ca_file {
        set(profile, "ca_file", seen_from(folder, file)?);
    }
    if let Some(file) = &global.client_certificate {
        set(profile, "client_certificate_file", seen_from(folder, file)?);
    }
    if !global.scope.is_empty() {
        set(profile, "scopes", Array::from_iter(global.scopes()));
    }
    if !global.resource.is_empty() {
        set(profile, "resource", Array::from_iter(&global.resource));
    }
    if !global.parameter.is_empty() {
        set(profile, "parameters", parameters(&global.parameter));
    }
    Ok(())
}

/// What was typed is relative to where it was typed, what is written to the file.
fn seen_from(folder: &Path, file: &Path) -> Result<String, Failure> {
    let (file, folder) = (absolute(file)?, absolute(folder)?);
    let file = file.strip_prefix(&folder).unwrap_or(&file);
    let text = file.to_str().map(Into::into);
    text.ok_or_else(|| Failure::usage(format!("the file name {} is no text", file.display())))
}

/// Each with its value, or with all of them, as config.toml has it.
fn parameters(given: &[(String, String)]) -> InlineTable {
    let mut table = InlineTable::new();
    for (name, value) in given {
        let same = given.iter().filter(|(other, _)| other == name);
        let values: Array = same.map(|(_, value)| value.as_str()).collect();
        if values.len() > 1 {
            table.insert(name, values.into());
        } else {
            table.insert(name, value.into());
        }
    }
    table
}

fn edit(context: &Context, folder: &Path) -> Result<ConfigFile, Failure> {
    ConfigFile::edit(folder, || {
        context.printer.notice("waiting for another process that changes config.toml");
    })
}

fn absolute(path: &Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// A file's name that was typed starts where it was typed.
fn absolute_store(store: &str) -> Result<String, Failure> {
    if let StoreUri::Of(platform, Some(place)) = StoreUri::parse(store)? {
        return Ok(format!("{}:{}", platform.name(), absolute(place)?.display()));
    }
    Ok(store.into())
}

fn remove(context: &Context, name: &str) -> Result<(), Failure> {
    let config = context.config()?;
    if !config.profiles.contains_key(name) && Platform::built_in(name).is_some() {
        return Err(Failure::usage(format!("the profile `{name}` is always there")));
    }
    config.profile(name)?;
    if let Some(location) = login_of(context, &config, name) {
        context.printer.warn(&format!("its tokens are still there, and alive: {location}"));
    }
    // A login that may be this profile's or another's: without this one it would be the other's, unasked.
    let ambiguous = Settings::of_profile(context, &config, name)
        .ok()
        .and_then(|settings| settings.ambiguous_earlier(context));
    let mut file = edit(context, &context.config_folder()?)?;
    file.remove_profile(name);
    file.save()?;
    if let Some((location, others)) = ambiguous {
        for other in &others {
            Settings::of_profile(context, &config, other)?.takes_over_none(context);
        }
        let others = others.join(" or ");
        context.printer.warn(&format!(
            "the login in {location} may have been that of `{name}`, so it isn't taken over by {others}; `account = \"\"` in a profile uses it where it is"
        ));
    }
    context.printer.say(&format!("The profile `{name}` is gone."));
    Ok(())
}
