//! The documents of the knowledge base, and their upload.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;
use walkdir::WalkDir;
use xshell::Shell;

use crate::aws::awscli;
use crate::aws::kb::Place;
use crate::machine::confirm::confirm;
use crate::machine::exit::{PREREQUISITE, exit, prerequisites};
use crate::machine::few;
use crate::machine::finding::finding;
use crate::machine::json;
use crate::machine::{supervise, term};

/// What Bedrock reads of one document at most.
const LARGEST: u64 = 50 << 20;

/// A folder with at least one document.
pub(crate) struct Documents {
    folder: String,
    files: Vec<PathBuf>,
}

pub(crate) fn find(folder: &Path) -> Result<Documents> {
    let shown = folder.display();
    let remedy = "name the folder with `--source`, or the Copilot checkout as TEMPORAL_SRE_COPILOT_PATH";
    if !folder.is_dir() {
        return Err(exit(PREREQUISITE, format!("there is no folder {shown}: {remedy}")));
    }
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        match entry {
            Ok(it) if it.file_type().is_file() && it.path().extension().is_some_and(|it| it == "md") => {
                if it.metadata().is_ok_and(|it| it.len() > LARGEST) {
                    let what = format!("{} is larger than 50 MB, the most that Bedrock reads", it.path().display());
                    problems.push(finding(what, ""));
                }
                files.push(it.into_path());
            }
            Ok(_) => {}
            // The AWS CLI would follow a loop until the names are too long, and fail for the others after the upload.
            Err(e) => {
                let at = e.path().unwrap_or(folder).display();
                let what =
                    if e.loop_ancestor().is_some() { "is a link into a folder above it" } else { "leads nowhere" };
                problems.push(finding(format!("{at} {what}"), format!("rm {at}  # or let it lead to a document")));
            }
        }
    }
    prerequisites("the documents cannot be uploaded", problems)?;
    let count = files.len();
    if count == 0 {
        return Err(exit(PREREQUISITE, format!("there are no documents (*.md) in {shown}: {remedy}")));
    }
    Ok(Documents { folder: folder.to_string_lossy().into_owned(), files })
}

/// The arguments of the upload. The order of the filters counts: the later one wins.
fn args<'a>(documents: &'a Documents, bucket: &'a str, delete: bool) -> Vec<&'a str> {
    let mut args =
        vec!["s3", "sync", &documents.folder, bucket, "--exclude", "*", "--include", "*.md", "--no-progress"];
    args.extend(delete.then_some("--delete"));
    args
}

pub(crate) fn print_sync(sh: &Shell, documents: &Documents, place: &Place, delete: bool) -> Result<()> {
    print(sh, place, &args(documents, &format!("s3://{}", place.bucket), delete))
}

/// Uploads what is new or changed, and returns how many documents that, or a removal, concerned.
pub(crate) fn sync(sh: &Shell, documents: &Documents, place: &Place, delete: bool, yes: bool) -> Result<usize> {
    let Documents { folder, files } = documents;
    let (bucket, count) = (format!("s3://{}", place.bucket), files.len());
    let args = args(documents, &bucket, delete);
    if delete {
        // Somebody else's documents may be in that bucket as well.
        let mut doomed = Vec::new();
        run(sh, place, &[&args[..], &["--dryrun"]].concat(), &mut |line| {
            doomed.extend(line.strip_prefix("(dryrun) delete: ").map(|it| format!("\n  {it}")));
        })?;
        if !doomed.is_empty() {
            confirm(&format!("this removes {} documents:{}", doomed.len(), doomed.concat()), yes)?;
        }
    }
    let (mut uploaded, mut deleted) = (0, 0);
    let mut look = |line: &str| {
        if line.starts_with("upload:") {
            uploaded += 1;
        } else if line.starts_with("delete:") {
            deleted += 1;
        }
        term::say(&format!("  {line}"));
    };
    run(sh, place, &args, &mut look)?;
    // `sync` leaves out what is neither newer nor of another size, such as an older version that came back.
    for (file, key) in stale(sh, documents, place)? {
        run(sh, place, &["s3", "cp", &file, &format!("{bucket}/{key}"), "--no-progress"], &mut look)?;
    }
    if uploaded + deleted == 0 {
        term::say(&format!("nothing to upload: the {count} documents of {folder} are in {bucket}"));
    } else {
        term::say(&format!("{uploaded} of {count} documents uploaded to {bucket}, {deleted} deleted there"));
    }
    Ok(uploaded + deleted)
}

/// Runs a command of the AWS CLI, whose lines are looked at as they come.
fn run(sh: &Shell, place: &Place, args: &[&str], look: &mut dyn FnMut(&str)) -> Result<()> {
    let mut command = awscli::command(sh, &place.region, args)?;
    term::say(&format!("$ {}", awscli::line(&command)));
    let (status, stderr) = supervise::lines(&mut command, look)?;
    if status.success() { Ok(()) } else { Err(awscli::failure(sh, args, &stderr)?) }
}

/// Documents whose content in the bucket is another, with their keys: S3's tag of what came in one piece is its MD5.
fn stale(sh: &Shell, documents: &Documents, place: &Place) -> Result<Vec<(String, String)>> {
    let asked = ["s3api", "list-objects-v2", "--bucket", &place.bucket];
    let answer = awscli::json(sh, &place.region, &asked, awscli::PATIENCE)?;
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().trim_matches('"').to_owned();
    let objects = json::items(&answer["Contents"]).iter();
    let tags = few::map(objects.map(|it| (text(it, "Key"), text(it, "ETag"))));
    let mut stale = Vec::new();
    for file in &documents.files {
        let key = file.strip_prefix(&documents.folder)?.to_string_lossy().into_owned();
        if let Some(tag) = tags.get(&key).filter(|it| it.len() == 32)
            && *tag != format!("{:x}", md5::compute(&*fs::read(file)?))
        {
            stale.push((file.to_string_lossy().into_owned(), key));
        }
    }
    Ok(stale)
}

/// Prints a command instead of running it.
pub(crate) fn print(sh: &Shell, place: &Place, args: &[&str]) -> Result<()> {
    term::out(&format!("{}\n", awscli::line(&awscli::command(sh, &place.region, args)?)));
    Ok(())
}
