//! The rules by name, each with what to do about it. It does not know how they are checked.

use std::fmt;

macro_rules! rules {
    ($($variant:ident $name:literal $meaning:literal $remedy:literal,)*) => {
        /// What a project must keep to, so that a run on the platform is worth its hours.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $meaning] $variant,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// How it is called.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)* }
            }

            /// What it is about, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Rule::$variant => $meaning,)* }
            }

            /// What to do, as a fragment.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Rule::$variant => $remedy,)* }
            }
        }
    };
}

rules! {
    StrayFile "stray-file"
        "A file in a template that is no command makes the platform reject the template."
        "rename it to helper_..., give it a command's prefix, or move it out of the template",
    NotExecutable "not-executable"
        "A command that may not be executed is never run."
        "run chmod +x on it",
    NotAProgram "not-a-program"
        "A command is an ELF program or a script with a shebang."
        "begin it with a line such as #!/usr/bin/env bash",
    NothingToSchedule "nothing-to-schedule"
        "A template without drivers and anytime commands leaves nothing to compose."
        "add a parallel_driver_, serial_driver_, singleton_driver_ or anytime_ command",
    StaticBinary "static-binary"
        "A static program cannot load the platform's library: its assertions are lost without a word."
        "link it with glibc dynamically, such as for x86_64-unknown-linux-gnu",
    WrongArchitecture "wrong-architecture"
        "The platform runs x86-64."
        "build it for linux/amd64",
    SetupInCommand "setup-in-command"
        "Commands start only after setup_complete: one that emits it waits for itself."
        "emit it once from a container's entrypoint, when the system is ready",
    SetupNever "setup-never"
        "Without setup_complete no command is ever started."
        "emit it once from a container's entrypoint, when the system is ready",
    EndlessCommand "endless-command"
        "A command that never ends is a failing property, and keeps finally_ commands from running."
        "bound it by a count or a time; the platform repeats it",
    DuplicateMessage "duplicate-message"
        "Assertions with the same message are one property: where one holds, the other's failure to be reached is hidden."
        "give each assertion a message of its own",
    UnreachableAssertion "unreachable-assertion"
        "An assertion that must be hit and that no command calls fails in every run."
        "call it from a command, or remove it",
    NoImage "no-image"
        "The platform builds nothing: each service names an image."
        "add `image:` and push that image",
    ImageDigest "image-digest"
        "References with a tag and a digest are refused."
        "name either a tag or a digest",
    NameMismatch "name-mismatch"
        "Faults and logs name containers, commands call hosts: both need the same name."
        "give `container_name` and `hostname` the same value, with hyphens for underscores",
    NoInit "no-init"
        "Without an init process zombies pile up, and signals do not reach programs."
        "add `init: true`",
    NoPlatform "no-platform"
        "Everything runs as linux/amd64."
        "add `platform: linux/amd64` and an image for it",
    NoHealthCheck "no-health-check"
        "Whoever waits for a service must be able to tell that it is ready."
        "add a `healthcheck:`",
    UnorderedStart "unordered-start"
        "A dependency that has only been started need not be ready."
        "write `depends_on:` with `condition: service_healthy`",
    NotHermetic "not-hermetic"
        "The platform does not have your shell's variables."
        "give it a default, as in ${NAME:-value}, or put it into .env beside the compose file",
    BindMount "bind-mount"
        "Directories of your machine are not there on the platform."
        "use a named volume, or copy the files into the image",
    PullPolicy "pull-policy"
        "Images are there already; asking a registry for them fails."
        "remove `pull_policy:`",
    LoggingDriver "logging-driver"
        "Logs are collected from the default driver."
        "remove `logging:`",
    InternalNetwork "internal-network"
        "Internal networks are not supported."
        "remove `internal: true`; there is no outside on the platform anyway",
    ClientNotExcluded "client-not-excluded"
        "A fault that kills the container of the commands kills the commands, and finally_ never runs."
        "label the service `com.antithesis.exclude.faults: all`",
    NetworkAtRunTime "network-at-run-time"
        "There is no network outside at run time: nothing can be fetched or compiled then."
        "do it while the image is built",
    MuslImage "musl-image"
        "The platform's library needs glibc."
        "use an image with glibc, such as debian:bookworm-slim",
    NoSymbols "no-symbols"
        "Without symbols in /symbols, reports show addresses in place of lines."
        "copy or link the unstripped programs to /symbols",
    ConfigNotScratch "config-not-scratch"
        "The config image holds files, not a system."
        "write `FROM scratch`, then copy docker-compose.yaml",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
