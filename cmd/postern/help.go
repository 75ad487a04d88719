package main

import (
	"errors"
	"strings"

	"github.com/alecthomas/kong"
)

// Examples and what --help cannot say in a line. Indented lines are shown as they are.

func (*serveCmd) Help() string {
	return `Settings come from flags, POSTERN_... variables, or postern.toml; docs/operations.md has a first set-up step by step.

    postern serve
    postern serve --data-dir /var/lib/postern --public-url https://desk.example
    postern serve --roles web                # beside processes with the other roles

Exit status: 0 after a stop by SIGTERM or Ctrl-C, 1 when the desk cannot go on, 2 when a setting is wrong.`
}

func (*demoCmd) Help() string {
	return `It prints its addresses and an API key, writes both to demo.json in its folder, and finds its data again.

    postern demo
    postern demo --data /tmp/desk --listen 127.0.0.1:0 --smtp 127.0.0.1:0 --imap 127.0.0.1:0`
}

func (*migrateCmd) Help() string {
	return `serve migrates by itself where it knows the owner's login. With the desk's own PostgreSQL no login is needed.

    postern migrate
    postern migrate status
    POSTERN_OWNER_DATABASE_URL=postgres://owner@db.example/desk postern migrate`
}

func (*doctorCmd) Help() string {
	return `Each line is ok, warn (works today, or could not be told) or fail, then what was seen and, after ->, the remedy.

    postern doctor
    postern doctor --no-probe                # sends nothing
    postern doctor --json                    # for monitoring

Exit status: 0 when nothing fails (there may be warnings), 1 when something fails, 2 when a setting is wrong: then
nothing was checked.`
}

func (*backupCmd) Help() string {
	return `The folder is as secret as the desk. Settings with secrets are not in it.

    postern backup /var/backups/desk-monday`
}

func (*restoreCmd) Help() string {
	return `
    postern restore /var/backups/desk-monday --data-dir /var/lib/postern-new
    postern doctor --data-dir /var/lib/postern-new`
}

func (*mailboxAddCmd) Help() string {
	return `The password comes from POSTERN_MAILBOX_PASSWORD, or from the file that POSTERN_MAILBOX_PASSWORD_FILE names.

    POSTERN_MAILBOX_PASSWORD_FILE=mailbox.password postern mailbox add support@desk.example \
      --imap imap.desk.example:993 --smtp smtp.desk.example:587 --staff ann@desk.example
    postern mailbox check support@desk.example`
}

func (*mailboxSetCmd) Help() string {
	return `What is not named stays as it is; a running desk takes the change up at once. A password that is given counts for
both servers.

    POSTERN_MAILBOX_PASSWORD_FILE=mailbox.password postern mailbox set support@desk.example
    postern mailbox set support@desk.example --smtp smtp.desk.example:587 --staff ann@desk.example,bob@desk.example
    postern mailbox set support@desk.example --oauth-client-secret-file app.secret
    postern mailbox set support@desk.example --pause

With --lost-key every mailbox is set once; letters that wait to be sent cannot be read without the old key.`
}

func (*mailboxDKIMCmd) Help() string {
	return `The first call makes a key for the address's domain and prints the TXT record to publish; a later one shows what DNS
says of it. Leave signing off where the provider of the SMTP server signs: Gmail and Microsoft 365 do.

    postern mailbox dkim support@desk.example
    postern mailbox dkim support@desk.example --on
    postern mailbox dkim support@desk.example --rotate    # another key; --on again once its record is there`
}

func (*mailboxCheckCmd) Help() string {
	return `
    postern mailbox check support@desk.example
    postern mailbox check support@desk.example --compare

Exit status: 0 when all works, 1 when something does not.`
}

func (*mailboxAuthorizeCmd) Help() string {
	return `
    postern mailbox authorize support@desk.example
    postern mailbox authorize support@desk.example --port 8400`
}

func (*contactsImportCmd) Help() string {
	return `
    postern contacts import clients.csv --dry-run
    postern contacts import clients.csv`
}

func (*apiKeyCreateCmd) Help() string {
	return `The key is printed alone, so that a script can take it; only its hash is kept.

    postern apikey create --name "Ann"
    KEY=$(postern apikey create --name "CRM" --role admin)`
}

func (*mailImportCmd) Help() string {
	return `What the desk's own addresses wrote, as in a Sent folder, is skipped and counted.

    postern mail import old.mbox --mailbox support@desk.example --dry-run
    postern mail import old.mbox Maildir --mailbox support@desk.example`
}

func (*mailExplainCmd) Help() string {
	return `
    postern mail explain email.eml
    postern mail explain --json *.eml`
}

// spoken lets people ask in the words that other programs know: --version, and nothing at all for the help.
func spoken(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case len(args) == 1 && (args[0] == "--version" || args[0] == "-v"):
		return []string{"version"}
	}
	return args
}

// whereToAsk is the command whose help fits a wrong use.
func whereToAsk(err error) string {
	names := []string{"postern"}
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil {
		for _, step := range wrong.Context.Path {
			if step.Command != nil {
				names = append(names, step.Command.Name)
			}
		}
	}
	return strings.Join(append(names, "--help"), " ")
}
