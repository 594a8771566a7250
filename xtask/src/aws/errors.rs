//! What AWS's tools say when they fail, and the command that mends it.

use crate::machine::finding::{Finding, finding};
use crate::machine::process;

/// Where the AWS CLI comes from. Not through a folder of a known name under /tmp, which somebody else may have made.
pub(crate) const INSTALL: &str = if cfg!(target_os = "macos") {
    "brew install awscli"
} else {
    "cd \"$(mktemp -d)\" && curl -fsSLO https://awscli.amazonaws.com/awscli-exe-linux-$(uname -m).zip && \
     unzip -q awscli-exe-linux-*.zip && sudo ./aws/install --update"
};

/// The signs of a CLI that lacks a command: a page of usage, which names every other one.
const TOO_OLD: &str = "Invalid choice|invalid choice";

/// What a failure is about: words of the AWS CLI (both major versions) and of Terraform's provider, with a `|` between
/// them; whether the credentials are what is wrong; what that means, and the command that mends it, for a `{profile}`,
/// which is `{quoted}` in a command. The first that fits counts: a missing profile also has no credentials.
const FAILURES: &[(&str, bool, &str, &str)] = &[
    (TOO_OLD, true, "this AWS CLI does not know `{command}`: install today's version 2", INSTALL),
    (
        "The source_profile \"|The source profile \"",
        true,
        "profile `{profile}` builds on another one, its source_profile, which is missing or has no keys",
        "aws configure list-profiles",
    ),
    (
        "Error when retrieving credentials from custom-process|error in credential_process",
        true,
        "the credential_process of profile `{profile}` fails; run it by hand",
        "aws configure get credential_process --profile {quoted}",
    ),
    (
        "Enter MFA code|AssumeRoleTokenProvider|MultiFactorAuthentication failed",
        true,
        "profile `{profile}` asks for an MFA code; answered here, it serves this shell for an hour or so",
        "eval \"$(aws configure export-credentials --profile {quoted} --format env)\"",
    ),
    (
        "The config profile (|failed to get shared config profile",
        true,
        "there is no AWS profile `{profile}` (`aws configure list-profiles` lists those there are): name another as \
         AWS_PROFILE in dev/.env, or make it",
        "aws configure sso --profile {quoted}",
    ),
    (
        "Error loading SSO Token|Error when retrieving token from sso|The SSO session associated with this profile|\
         the SSO session has expired|SSO Token has expired|cached SSO token|UnauthorizedSSOTokenError",
        true,
        "the SSO session of profile `{profile}` is over",
        "aws sso login --profile {quoted}",
    ),
    (
        "ExpiredToken|RequestExpired|credentials are expired|token included in the request is expired",
        true,
        "the temporary credentials have expired: renew AWS_SESSION_TOKEN and its keys where they come from, or with SSO",
        "aws sso login --profile {quoted}",
    ),
    (
        "InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|SignatureDoesNotMatch|AuthFailure",
        true,
        "AWS does not know these keys; where they come from is shown",
        "aws configure list --profile {quoted}",
    ),
    (
        "Unable to locate credentials|Unable to retrieve credentials: no credentials found|\
         No valid credential sources found|no EC2 IMDS role found|Partial credentials found",
        true,
        "there are no AWS credentials: store some (`aws configure` does it for keys), and name the profile as \
         AWS_PROFILE in dev/.env",
        "aws configure sso --profile {quoted}",
    ),
    (
        "PermanentRedirect|Moved Permanently|AuthorizationHeaderMalformed",
        false,
        "the bucket is in another region than the one asked: give its own with `--region`",
        "",
    ),
    (
        "SlowDown|Throttling|TooManyRequests|RequestLimitExceeded|Rate exceeded",
        false,
        "AWS asks for fewer requests: wait a minute, then the same command again",
        "",
    ),
    ("AccessDenied|UnauthorizedOperation|is not authorized to perform|(403)", false, DENIED, ""),
    (
        "ResourceNotFoundException|NoSuchBucket",
        false,
        "no such thing in this account and region: compare `--region` and the ids",
        "cargo xtask infra-output",
    ),
    (
        "Could not connect to the endpoint URL|Connect timeout on endpoint URL|Could not resolve host|no such host",
        false,
        "a server cannot be reached: look at the network, and whether the region exists",
        "",
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

fn failure(stderr: &str) -> Option<&(&str, bool, &str, &str)> {
    FAILURES.iter().find(|(signs, ..)| signs.split('|').any(|it| stderr.contains(it)))
}

/// Whether the credentials, or the CLI itself, are what is wrong, so that nothing was even tried.
pub(crate) fn is_about_credentials(stderr: &str) -> bool {
    failure(stderr).is_some_and(|it| it.1)
}

/// What a failure of somebody with this profile means, and the command that mends it where one does; `None` where its
/// text has to speak for itself. `args` are those of the AWS CLI; a failure of Terraform's has none.
pub(crate) fn explain(stderr: &str, args: &[&str], profile: &str) -> Option<Finding> {
    let (_, _, what, fix) = failure(stderr)?;
    let command: Vec<&str> = args.iter().take(2).copied().collect();
    let what = what.replace("{profile}", profile).replace("{command}", &command.join(" "));
    let what = what.replace("{permission}", &permission(stderr));
    Some(finding(what, fix.replace("{quoted}", &process::quote(profile))))
}

/// The same as text.
pub(crate) fn remedy(stderr: &str, args: &[&str], profile: &str) -> Option<String> {
    let Finding { what, fix, .. } = explain(stderr, args, profile)?;
    Some(if fix.is_empty() { what } else { format!("{what}: `{fix}`") })
}

/// What AWS said; nothing of the page of usage with which a CLI answers that does not know a command.
pub(crate) fn said(stderr: &str) -> String {
    let is_usage = failure(stderr).is_some_and(|it| it.0 == TOO_OLD);
    if is_usage { "it knows no such command".to_owned() } else { message(stderr) }
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
            let remedy = remedy(stderr, &[], "dev").unwrap();
            assert!(remedy.contains(expected), "{stderr}: {remedy}");
        }
        assert_eq!(remedy("ValidationException", &[], "dev"), None);
    }

    #[test]
    fn what_a_cli_or_a_profile_lacks_is_said_with_a_command_that_can_be_pasted() {
        let of = |stderr: &str| explain(stderr, &["dsql", "list-clusters", "--x"], "my profile").unwrap();
        let usage =
            "usage: aws [options]\naws: error: argument command: Invalid choice, valid choices are:\n\ns3 | ec2";
        let old = of(usage);
        assert!(old.what.starts_with("this AWS CLI does not know `dsql list-clusters`:"), "{}", old.what);
        assert_eq!((&*old.fix, &*said(usage)), (INSTALL, "it knows no such command"));
        for (stderr, fix) in [
            (
                "The source_profile \"gone\" referenced in the profile \"x\" does not exist.",
                "aws configure list-profiles",
            ),
            (
                "Error when retrieving credentials from custom-process: sh: 1: no-such: not found",
                "aws configure get credential_process --profile 'my profile'",
            ),
            (
                "assume role with MFA enabled, but AssumeRoleTokenProvider session option not set.",
                "eval \"$(aws configure export-credentials --profile 'my profile' --format env)\"",
            ),
            ("Error loading SSO Token: x", "aws sso login --profile 'my profile'"),
        ] {
            assert_eq!(of(stderr).fix, fix, "{stderr}");
            assert!(is_about_credentials(stderr), "{stderr}");
        }
        for (code, part) in [("PermanentRedirect", "--region"), ("SlowDown", "wait"), ("ThrottlingException", "wait")] {
            let stderr = format!("An error occurred ({code}) when calling the ListObjectsV2 operation: x");
            assert!(of(&stderr).what.contains(part) && !is_about_credentials(&stderr), "{code}");
        }
    }

    #[test]
    fn a_denied_action_is_named_with_its_permission() {
        let named = "An error occurred (AccessDeniedException) when calling the StartIngestionJob operation: User: \
                     arn:aws:sts::1:assumed-role/r/me is not authorized to perform: bedrock:StartIngestionJob on \
                     resource: arn:aws:bedrock:eu-west-1:1:knowledge-base/X because no policy allows it";
        let remedy_of = |it: &str| remedy(it, &[], "dev").unwrap();
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
