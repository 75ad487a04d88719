package embedded

import "fmt"

// JoinPostgres finds the server that another process runs in dir, for a command beside a running desk. It
// neither starts nor stops anything: only the URLs of what it returns are of use.
func JoinPostgres(dir string) (*Postgres, error) {
	k := &cluster{}
	if err := k.openDir(dir); err != nil {
		return nil, err
	}
	if err := k.locate(); err != nil {
		return nil, err
	}
	keys, err := k.readPasswords()
	if err != nil {
		return nil, fmt.Errorf("join PostgreSQL in %s: %w", dir, err)
	}
	k.chooseSocketDir()
	return k.urls(keys), nil
}
