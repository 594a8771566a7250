//! The documents of the knowledge base, and their upload.

use std::path::Path;

use anyhow::Result;
use walkdir::WalkDir;
use xshell::Shell;

use crate::aws::awscli;
use crate::aws::kb::Place;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::{supervise, term};

/// A folder with at least one document.
pub(crate) struct Documents {
    folder: String,
    count: usize,
}

pub(crate) fn find(folder: &Path) -> Result<Documents> {
    let shown = folder.display();
    let remedy = "name the folder with `--source`, or the Copilot checkout as TEMPORAL_SRE_COPILOT_PATH";
    if !folder.is_dir() {
        return Err(exit(PREREQUISITE, format!("there is no folder {shown}: {remedy}")));
    }
    let is_document =
        |it: &walkdir::DirEntry| it.file_type().is_file() && it.path().extension().is_some_and(|it| it == "md");
    let count = WalkDir::new(folder).follow_links(true).into_iter().flatten().filter(is_document).count();
    if count == 0 {
        return Err(exit(PREREQUISITE, format!("there are no documents (*.md) in {shown}: {remedy}")));
    }
    Ok(Documents { folder: folder.to_string_lossy().into_owned(), count })
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
pub(crate) fn sync(sh: &Shell, documents: &Documents, place: &Place, delete: bool) -> Result<usize> {
    let bucket = format!("s3://{}", place.bucket);
    let args = args(documents, &bucket, delete);
    let mut command = awscli::command(sh, &place.region, &args)?;
    term::say(&format!("$ {}", awscli::line(&command)));
    let (mut uploaded, mut deleted) = (0, 0);
    let (status, stderr) = supervise::lines(&mut command, &mut |line| {
        if line.starts_with("upload:") {
            uploaded += 1;
        } else if line.starts_with("delete:") {
            deleted += 1;
        }
        term::say(&format!("  {line}"));
    })?;
    if !status.success() {
        return Err(awscli::failure(sh, &args, &stderr)?);
    }
    let Documents { folder, count } = documents;
    if uploaded + deleted == 0 {
        term::say(&format!("nothing to upload: the {count} documents of {folder} are in {bucket}"));
    } else {
        term::say(&format!("{uploaded} of {count} documents uploaded to {bucket}, {deleted} deleted there"));
    }
    Ok(uploaded + deleted)
}

pub(crate) fn print(sh: &Shell, place: &Place, args: &[&str]) -> Result<()> {
    term::out(&format!("{}\n", awscli::line(&awscli::command(sh, &place.region, args)?)));
    Ok(())
}
