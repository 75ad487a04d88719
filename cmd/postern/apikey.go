package main

import (
	"context"
	"fmt"

	"github.com/postern-desk/postern/internal/config"
	"github.com/postern-desk/postern/internal/identity"
)

type apiKeyCmd struct {
	Create apiKeyCreateCmd `cmd:"" help:"Create a key and print it once."`
}

type apiKeyCreateCmd struct {
	config.Storage `group:"Storage"`
	Name           string `required:"" help:"Whose key it is; stands in the audit trail."`
	Role           string `default:"staff" enum:"staff,admin" help:"staff, or admin: may also manage mailboxes and keys. [default staff]"`
}

// Run prints the key; only its hash is kept.
func (c *apiKeyCreateCmd) Run(ctx context.Context, s streams) error {
	return withStore(ctx, c.Storage, func(st *store) error {
		_, key, err := identity.New(st.db).Create(ctx, cliActor(), c.Name, identity.Role(c.Role))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, key)
		return err
	})
}
