//! The functions in `template.yaml`: generated from the table of events and from what each function may do.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use crate::grants::grants;

const BEGIN: &str = "  # >>> generated\n";
const END: &str = "  # <<< generated\n";

/// Functions that no event names: what they are for, seconds that they may take, and what they are called by.
const OWN: [(&str, u32, &str, &[&str]); 10] = [
    ("connect", 10, "A connection begins: checks stage, origin and token", &["$connect"]),
    ("disconnect", 15, "A connection has ended", &["$disconnect"]),
    (
        "default",
        EVENT_SECONDS,
        "Frames of Socket.IO clients, and unknown actions of plain ones",
        &["$default"],
    ),
    ("open", 30, "Greets a new connection, out of band", &[]),
    ("broadcast", 60, "Sends the log entries that the table's stream tells of", &[]),
    ("deliver", 60, "Sends pages of broadcasts to many", &[]),
    ("later", 60, "Does work whose time has come", &[]),
    ("heartbeat", 15, "Has a quarter of the connections pinged, every minute", &[]),
    ("notify", 15, "Notifications and events that services send by queue or bus", &[]),
    ("rest", 15, "The REST routes", &[]),
];
/// Reading the connection may take six of them, handling the event twelve.
const EVENT_SECONDS: u32 = 20;
/// Routes whose answer is no frame.
const UNANSWERED: [&str; 2] = ["$connect", "$disconnect"];

struct Function {
    name: String,
    seconds: u32,
    description: String,
    routes: Vec<String>,
}

/// `join-group` and `join_group` are both `JoinGroup`: two spellings of one event are two routes to one function.
fn logical_id(name: &str) -> String {
    let mut id = String::new();
    let mut start = true;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            id.push(if start { c.to_ascii_uppercase() } else { c });
        }
        start = !c.is_ascii_alphanumeric();
    }
    id
}

fn functions() -> BTreeMap<String, Function> {
    let mut functions = BTreeMap::new();
    for (name, seconds, description, routes) in OWN {
        let routes = routes.iter().map(ToString::to_string).collect();
        let function =
            Function { name: name.into(), seconds, description: description.into(), routes };
        functions.insert(logical_id(name), function);
    }
    for name in functions::api().names() {
        let new = || Function {
            name: name.into(),
            seconds: EVENT_SECONDS,
            description: format!("The event {name}"),
            routes: Vec::new(),
        };
        functions.entry(logical_id(name)).or_insert_with(new).routes.push(name.into());
    }
    functions
}

/// A resource of a policy, and the actions on it in its service's own words.
fn statement(resource: &str, actions: &[&str]) -> String {
    let own = |service: &str| {
        actions.iter().map(|action| format!("{service}:{action}")).collect::<Vec<_>>().join(", ")
    };
    let connections = |method: &str| {
        format!(
            "!Sub \"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{WebSocketApi}}/${{Stage}}/{method}/@connections/*\""
        )
    };
    let (actions, resource) = match resource {
        "table" => (own("dynamodb"), "!GetAtt Table.Arn".into()),
        "index" => (own("dynamodb"), "!Sub \"${Table.Arn}/index/by-room\"".into()),
        "stream" => (own("dynamodb"), "!GetAtt Table.StreamArn".into()),
        "any" => (own("dynamodb"), "\"*\"".into()),
        "connections" => {
            let arns = actions.iter().map(|method| connections(method)).collect::<Vec<_>>();
            ("execute-api:ManageConnections".into(), format!("[{}]", arns.join(", ")))
        }
        queue => (own("sqs"), format!("!GetAtt {}.Arn", logical_id(queue))),
    };
    format!("            - {{ Effect: Allow, Action: [{actions}], Resource: {resource} }}\n")
}

fn statements(name: &str) -> String {
    let mut resources: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for grant in grants(name) {
        let (resource, action) = grant.split_once(':').expect("<resource>:<action>");
        resources.entry(resource).or_default().push(action);
    }
    resources.iter().map(|(resource, actions)| statement(resource, actions)).collect()
}

fn write(id: &str, function: &Function) -> String {
    let Function { name, seconds, description, routes } = function;
    let mut yaml = format!(
        "
  {id}:
    Type: AWS::Serverless::Function
    Properties:
      Description: \"{description}\"
      Handler: {name}
      Timeout: {seconds}
"
    );
    // Names the function in what AWS logs of its calls.
    write!(yaml, "      Environment: {{ Variables: {{ AWS_SDK_UA_APP_ID: {name}")
        .expect("a string");
    if name == "connect" {
        yaml += ", OPEN_QUEUE_URL: !Ref OpenQueue";
    }
    yaml += " } }\n";
    yaml += "      Policies:\n        - Version: \"2012-10-17\"\n          Statement:\n";
    yaml += &statements(name);
    if routes.is_empty() {
        return yaml;
    }
    write!(
        yaml,
        "  {id}Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref WebSocketApi
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{id}.Arn}}/invocations
  {id}Permission:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref {id}
      Action: lambda:InvokeFunction
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{WebSocketApi}}/${{Stage}}/*
"
    )
    .expect("a string");
    for (number, route) in routes.iter().enumerate() {
        let number = if number == 0 { String::new() } else { (number + 1).to_string() };
        write!(
            yaml,
            "  {id}Route{number}:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref WebSocketApi
      RouteKey: {route}
      Target: !Sub integrations/${{{id}Integration}}
"
        )
        .expect("a string");
        if !UNANSWERED.contains(&route.as_str()) {
            write!(
                yaml,
                "      RouteResponseSelectionExpression: $default
  {id}RouteResponse{number}:
    Type: AWS::ApiGatewayV2::RouteResponse
    Condition: OnAws
    Properties: {{ ApiId: !Ref WebSocketApi, RouteId: !Ref {id}Route{number}, RouteResponseKey: $default }}
"
            )
            .expect("a string");
        }
    }
    yaml
}

#[test]
fn the_template_has_a_function_for_each_event() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = fs::read_to_string(&path).expect("the template");
    let (before, rest) = template.split_once(BEGIN).expect("where the functions begin");
    let (_, after) = rest.split_once(END).expect("where they end");
    let functions: String = functions().iter().map(|(id, function)| write(id, function)).collect();
    let current = format!("{before}{BEGIN}{functions}{END}{after}");
    // The one thing that an environment says to a test.
    #[allow(clippy::disallowed_methods)]
    if std::env::var("UPDATE").is_ok() {
        fs::write(&path, &current).expect("the template is written");
    }
    let written = fs::read_to_string(&path).expect("the template");
    assert!(written == current, "stale: UPDATE=1 cargo test template");
}
