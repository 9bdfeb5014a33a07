//! Templates in a project's services: what lies below `/opt/antithesis/test/v1` in an image, or is mounted there. Nothing of
//! the project is started: a container that is made and never runs shows its files, whatever they are.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

use super::docker::Docker;
use super::error::ComposeError;
use super::project::Project;

/// Where templates are in a container.
pub const TEMPLATES: &str = "/opt/antithesis/test/v1";
/// How much of a file is kept, which is what the kernel reads to tell what it is.
const HEAD_BYTES: u64 = 256;

/// An entry of a template's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file, or a link to one.
    File {
        /// Whether it may be executed.
        executable: bool,
        /// Its first bytes.
        head: Vec<u8>,
    },
    /// A directory.
    Directory,
    /// A link to nothing.
    Dangling,
    /// Anything else.
    Other,
}

/// The entries of each template, by template and file name.
pub type Templates = BTreeMap<String, BTreeMap<String, Entry>>;

/// The templates of each service that has any.
///
/// # Errors
/// When the engine does not let itself be asked, or a directory that is mounted cannot be read.
pub async fn templates(
    docker: &Docker,
    project: &Project,
) -> Result<BTreeMap<String, Templates>, ComposeError> {
    let mut of_images: BTreeMap<&str, Templates> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (name, service) in project.services() {
        if !of_images.contains_key(service.image.as_str()) {
            of_images.insert(&service.image, of_image(docker, &service.image).await?);
        }
        let mut templates = of_images[service.image.as_str()].clone();
        for (here, there) in &service.mounts {
            let disk = |source| ComposeError::Disk { path: here.clone(), source };
            mounted(here, there, &mut templates).map_err(disk)?;
        }
        templates.retain(|_, entries| !entries.is_empty());
        if !templates.is_empty() {
            found.insert(name.clone(), templates);
        }
    }
    Ok(found)
}

async fn of_image(docker: &Docker, image: &str) -> Result<Templates, ComposeError> {
    let id = docker.ask(&["create", "--label", "etcd-traffic.scan", image, "true"]).await?.trim().to_owned();
    let result = of_container(docker, &id).await;
    docker.ask(&["rm", "--force", &id]).await?;
    result
}

async fn of_container(docker: &Docker, id: &str) -> Result<Templates, ComposeError> {
    let (program, source) = (docker.program().to_owned(), format!("{id}:{TEMPLATES}"));
    let copied = {
        let program = program.clone();
        tokio::task::spawn_blocking(move || copied(&program, &source)).await
    };
    let disk = |source| ComposeError::Disk { path: TEMPLATES.into(), source };
    let (mut templates, links) =
        copied.unwrap_or_else(|broken| Err(io::Error::other(broken))).map_err(disk)?;
    for (template, file) in links {
        // A link may lead anywhere in the image; the engine knows where.
        let (program, source) = (program.clone(), format!("{id}:{TEMPLATES}/{template}/{file}"));
        let target = tokio::task::spawn_blocking(move || copied_file(&program, &source)).await;
        let target = target.unwrap_or_else(|broken| Err(io::Error::other(broken))).map_err(disk)?;
        templates.entry(template).or_default().insert(file, target);
    }
    Ok(templates)
}

/// Links that are still to be followed: template and file.
type Links = Vec<(String, String)>;

/// What the engine copies out of a container, as far as it is kept. A container without the path has nothing.
fn copied(program: &Path, source: &str) -> io::Result<(Templates, Links)> {
    let mut copy = std::process::Command::new(program);
    copy.args(["cp", source, "-"]);
    let mut child = copy.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let stream = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let read = unpacked(stream);
    child.wait()?;
    read
}

/// A file behind a link.
fn copied_file(program: &Path, source: &str) -> io::Result<Entry> {
    let mut copy = std::process::Command::new(program);
    copy.args(["cp", "-L", source, "-"]);
    let mut child = copy.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let stream = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut archive = tar::Archive::new(stream);
    let first = archive.entries()?.next();
    let entry = match first {
        Some(Ok(mut file)) => entry(&mut file)?,
        _ => Entry::Dangling,
    };
    drop(archive);
    child.wait()?;
    Ok(entry)
}

fn unpacked(stream: impl Read) -> io::Result<(Templates, Links)> {
    let (mut templates, mut links) = (Templates::new(), Links::new());
    for file in tar::Archive::new(stream).entries()? {
        let mut file = match file {
            Ok(file) => file,
            // An empty stream is no archive: there is nothing at that path.
            Err(_) => break,
        };
        let path = file.path()?.into_owned();
        let words: Vec<String> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                _ => None,
            })
            .collect();
        match words.as_slice() {
            [_, template] if file.header().entry_type().is_dir() => {
                templates.entry(template.clone()).or_default();
            }
            [_, template, name] => {
                if file.header().entry_type().is_symlink() {
                    links.push((template.clone(), name.clone()));
                } else {
                    let entry = match linked(&file, &templates) {
                        Some(entry) => entry,
                        None => entry(&mut file)?,
                    };
                    templates.entry(template.clone()).or_default().insert(name.clone(), entry);
                }
            }
            _ => {}
        }
    }
    Ok((templates, links))
}

/// What a hard link is: a file that the archive has had before.
fn linked<R: Read>(file: &tar::Entry<'_, R>, templates: &Templates) -> Option<Entry> {
    let target = file.header().entry_type().is_hard_link().then(|| file.link_name().ok().flatten())??;
    let mut parts = target.iter().rev().map(|part| part.to_string_lossy().into_owned());
    let (name, template) = (parts.next()?, parts.next()?);
    templates.get(&template)?.get(&name).cloned()
}

fn entry<R: Read>(file: &mut tar::Entry<'_, R>) -> io::Result<Entry> {
    let kind = file.header().entry_type();
    if kind.is_dir() {
        return Ok(Entry::Directory);
    }
    if !kind.is_file() {
        return Ok(Entry::Other);
    }
    let executable = file.header().mode()? & 0o111 != 0;
    let mut head = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(Entry::File { executable, head })
}

/// What is mounted hides what the image has at the same place.
fn mounted(here: &Path, there: &Path, templates: &mut Templates) -> io::Result<()> {
    let top = Path::new(TEMPLATES);
    if let Ok(rest) = top.strip_prefix(there) {
        let root = here.join(rest);
        templates.clear();
        for template in listed(&root)?.into_iter().filter(|path| path.is_dir()) {
            templates.insert(name(&template), directory(&template)?);
        }
    } else if let Ok(rest) = there.strip_prefix(top) {
        let parts: Vec<_> = rest.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        match parts.as_slice() {
            [template] => {
                templates.insert(template.clone(), directory(here)?);
            }
            [template, file] => {
                templates.entry(template.clone()).or_default().insert(file.clone(), of_path(here)?);
            }
            _ => {}
        }
    }
    Ok(())
}

fn directory(dir: &Path) -> io::Result<BTreeMap<String, Entry>> {
    listed(dir)?.iter().map(|path| Ok((name(path), of_path(path)?))).collect()
}

fn listed(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed?.map(|entry| entry.map(|entry| entry.path())).collect(),
    }
}

fn of_path(path: &Path) -> io::Result<Entry> {
    let Ok(metadata) = fs::metadata(path) else { return Ok(Entry::Dangling) };
    if metadata.is_dir() {
        return Ok(Entry::Directory);
    }
    if !metadata.is_file() {
        return Ok(Entry::Other);
    }
    let mut head = Vec::new();
    fs::File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(Entry::File { executable: metadata.permissions().mode() & 0o111 != 0, head })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, u32, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, mode, kind, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(*mode);
            header.set_size(bytes.len() as u64);
            header.set_entry_type(*kind);
            if kind.is_symlink() {
                builder.append_link(&mut header, path, "/usr/bin/x").unwrap();
            } else {
                builder.append_data(&mut header, path, *bytes).unwrap();
            }
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn templates_are_found_in_what_the_engine_copies() {
        use tar::EntryType;
        let bytes = archive(&[
            ("v1/", 0o755, EntryType::Directory, b""),
            ("v1/main/", 0o755, EntryType::Directory, b""),
            ("v1/main/anytime_a", 0o755, EntryType::Regular, &[b'#'; 400]),
            ("v1/main/notes", 0o644, EntryType::Regular, b"x"),
            ("v1/main/helper_x/", 0o755, EntryType::Directory, b""),
            ("v1/main/helper_x/deep", 0o755, EntryType::Regular, b"x"),
            ("v1/main/anytime_link", 0o777, EntryType::Symlink, b""),
        ]);
        let (templates, links) = unpacked(bytes.as_slice()).unwrap();
        let main = &templates["main"];
        assert_eq!(main["anytime_a"], Entry::File { executable: true, head: vec![b'#'; 256] });
        assert_eq!(main["notes"], Entry::File { executable: false, head: b"x".to_vec() });
        assert_eq!(main["helper_x"], Entry::Directory);
        assert_eq!(main.len(), 3);
        assert_eq!(links, [("main".to_owned(), "anytime_link".to_owned())]);
        let (none, _) = unpacked(&b""[..]).unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn what_is_mounted_hides_what_the_image_has() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("mine")).unwrap();
        fs::write(dir.path().join("mine/anytime_x"), "#!/bin/sh\n").unwrap();
        let of_image =
            || Templates::from([("main".to_owned(), BTreeMap::from([("a".into(), Entry::Other)]))]);
        for there in ["/opt/antithesis/test/v1", "/opt/antithesis/test/v1/mine"] {
            let here = if there.ends_with("mine") { dir.path().join("mine") } else { dir.path().to_owned() };
            let mut templates = of_image();
            mounted(&here, Path::new(there), &mut templates).unwrap();
            let expected = Entry::File { executable: false, head: b"#!/bin/sh\n".to_vec() };
            assert_eq!(templates["mine"]["anytime_x"], expected);
            assert_eq!(templates.contains_key("main"), there.ends_with("mine"));
        }
        let mut templates = of_image();
        mounted(dir.path(), Path::new("/somewhere"), &mut templates).unwrap();
        assert_eq!(templates, of_image());
    }
}
