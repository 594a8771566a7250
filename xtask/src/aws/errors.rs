//! What AWS's tools say when they fail, and the command that mends it.

/// What a failure is about: words of the AWS CLI (both major versions) and of Terraform's provider, with a `|` between
/// them; whether the credentials are what is wrong; and what to do, for a `{profile}`. The first that fits counts: a
/// missing profile also has no credentials.
const FAILURES: &[(&str, bool, &str)] = &[
    (
        "The config profile (|failed to get shared config profile",
        true,
        "there is no AWS profile `{profile}`: `aws configure sso --profile {profile}` makes it, or name another as \
         AWS_PROFILE in dev/.env (`aws configure list-profiles` lists those there are)",
    ),
    (
        "Error loading SSO Token|Error when retrieving token from sso|The SSO session associated with this profile|\
         the SSO session has expired|SSO Token has expired|cached SSO token|UnauthorizedSSOTokenError",
        true,
        "the SSO session of profile `{profile}` is over: `aws sso login --profile {profile}`",
    ),
    (
        "ExpiredToken|RequestExpired|credentials are expired|token included in the request is expired",
        true,
        "the temporary credentials have expired: `aws sso login --profile {profile}`, or renew AWS_SESSION_TOKEN and \
         its keys where they come from",
    ),
    (
        "InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|SignatureDoesNotMatch|AuthFailure",
        true,
        "AWS does not know these keys: `aws configure list --profile {profile}` shows where they come from",
    ),
    (
        "Unable to locate credentials|No valid credential sources found|no EC2 IMDS role found|\
         Partial credentials found",
        true,
        "there are no AWS credentials: `aws configure sso --profile {profile}` (or `aws configure`, for keys) stores \
         some; name the profile as AWS_PROFILE in dev/.env",
    ),
    ("AccessDenied|UnauthorizedOperation|is not authorized to perform|(403)", false, DENIED),
    (
        "ResourceNotFoundException|NoSuchBucket",
        false,
        "no such thing in this account and region: compare the ids with `cargo xtask infra-output`, and `--region`",
    ),
    (
        "Could not connect to the endpoint URL|Connect timeout on endpoint URL|Could not resolve host|no such host",
        false,
        "a server cannot be reached: look at the network, and whether the region exists",
    ),
];
/// What to do where something is not allowed; the failure says what.
const DENIED: &str =
    "profile `{profile}` lacks {permission}: have it added to the role, or use another profile (AWS_PROFILE)";

/// Permissions that an operation needs under another name than its own.
const PERMISSIONS: &[(&str, &str)] = &[
    ("ListObjectsV2", "s3:ListBucket"),
    ("PutObject", "s3:PutObject"),
    ("CreateMultipartUpload", "s3:PutObject"),
    ("UploadPart", "s3:PutObject"),
    ("DeleteObject", "s3:DeleteObject"),
    ("StartIngestionJob", "bedrock:StartIngestionJob"),
    ("GetIngestionJob", "bedrock:GetIngestionJob"),
    ("ListIngestionJobs", "bedrock:ListIngestionJobs"),
    ("GetKnowledgeBase", "bedrock:GetKnowledgeBase"),
];

fn failure(stderr: &str) -> Option<&(&str, bool, &str)> {
    FAILURES.iter().find(|(signs, ..)| signs.split('|').any(|it| stderr.contains(it)))
}

/// Whether the credentials are what is wrong, so that nothing was even tried.
pub(crate) fn is_about_credentials(stderr: &str) -> bool {
    failure(stderr).is_some_and(|it| it.1)
}

/// What to do about a failure of somebody with this profile; `None` where its text has to speak for itself.
pub(crate) fn remedy(stderr: &str, profile: &str) -> Option<String> {
    let remedy = failure(stderr)?.2.replace("{profile}", profile);
    Some(remedy.replace("{permission}", &permission(stderr)))
}

fn permission(stderr: &str) -> String {
    let named = word_after(stderr, "not authorized to perform: ").filter(|it| it.contains(':'));
    let action = named.or_else(|| {
        let operation = word_after(stderr, "when calling the ")?;
        Some(PERMISSIONS.iter().find(|(name, _)| *name == operation).map_or(operation, |(_, action)| action))
    });
    let resource = named.and_then(|_| word_after(stderr, " on resource: "));
    let resource = resource.map_or(String::new(), |it| format!(" on {it}"));
    action.map_or("a permission for this".to_owned(), |it| format!("the permission `{it}`{resource}"))
}

fn word_after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let word = text.split_once(mark)?.1.split_whitespace().next()?;
    Some(word.trim_end_matches(['.', ',']))
}

/// What a tool said, on one line, without anything secret.
pub(crate) fn message(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    let shown: String = lines.join(" ").split_inclusive(ends_secret).map(without_secret).collect();
    if shown.is_empty() { "it said nothing".to_owned() } else { shown.chars().take(1000).collect() }
}

/// Whether this is neither in a key nor in base64.
fn ends_secret(c: char) -> bool {
    !c.is_ascii_alphanumeric() && !"+/=".contains(c)
}

/// A word of base64, with what follows it, of which only the kind of a key remains.
fn without_secret(word: &str) -> String {
    let end = word.trim_end_matches(ends_secret).len();
    let key = ["AKIA", "ASIA"].iter().find_map(|it| word.find(it)).filter(|at| end >= at + 16);
    match key.map(|at| at + 4).or((end >= 100).then_some(0)) {
        Some(kept) => format!("{}…{}", &word[..kept], &word[end..]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_lack_credentials_gets_the_command_that_mends_it() {
        for (stderr, expected) in [
            ("\nThe config profile (dev) could not be found\n", "`aws configure sso --profile dev`"),
            ("Error: failed to get shared config profile, dev", "`aws configure sso --profile dev`"),
            (
                "Error loading SSO Token: Token for https://x.awsapps.com/start does not exist",
                "`aws sso login --profile dev`",
            ),
            (
                "Error when retrieving token from sso: Token has expired and refresh failed",
                "`aws sso login --profile dev`",
            ),
            (
                "The SSO session associated with this profile has expired or is otherwise invalid.",
                "`aws sso login --profile dev`",
            ),
            (
                "failed to refresh cached credentials, the SSO session has expired or is invalid",
                "`aws sso login --profile dev`",
            ),
            (
                "An error occurred (ExpiredTokenException) when calling the GetKnowledgeBase operation: x",
                "have expired",
            ),
            ("An error occurred (ExpiredToken) when calling the PutObject operation: x", "have expired"),
            ("An error occurred (UnrecognizedClientException) when calling the X operation: x", "aws configure list"),
            (
                "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
                "`aws configure sso --profile dev`",
            ),
            ("Error: No valid credential sources found", "`aws configure sso --profile dev`"),
        ] {
            assert!(is_about_credentials(stderr), "{stderr}");
            let remedy = remedy(stderr, "dev").unwrap();
            assert!(remedy.contains(expected), "{stderr}: {remedy}");
        }
        assert_eq!(remedy("ValidationException", "dev"), None);
    }

    #[test]
    fn a_denied_action_is_named_with_its_permission() {
        let named = "An error occurred (AccessDeniedException) when calling the StartIngestionJob operation: User: \
                     arn:aws:sts::1:assumed-role/r/me is not authorized to perform: bedrock:StartIngestionJob on \
                     resource: arn:aws:bedrock:eu-west-1:1:knowledge-base/X because no policy allows it";
        let remedy_of = |it: &str| remedy(it, "dev").unwrap();
        assert!(
            remedy_of(named).contains("`bedrock:StartIngestionJob` on arn:aws:bedrock:eu-west-1:1:knowledge-base/X:")
        );
        let bare = "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied";
        assert!(remedy_of(bare).contains("`s3:ListBucket`"), "{}", remedy_of(bare));
        let unknown = "An error occurred (AccessDenied) when calling the Odd operation: Access Denied";
        assert!(remedy_of(unknown).contains("`Odd`"), "{}", remedy_of(unknown));
        assert!(!is_about_credentials(named));
    }

    #[test]
    fn nothing_secret_is_repeated() {
        let text = message(&format!("\n key AKIAIOSFODNN7EXAMPLE\n token {}", "a".repeat(200)));
        assert_eq!(text, "key AKIA… token …");
        assert_eq!(message(" \n"), "it said nothing");
    }
}
