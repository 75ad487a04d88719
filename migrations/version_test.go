package migrations_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/postern-desk/postern/internal/testdb"
	"github.com/postern-desk/postern/migrations"
)

func versionOf(t *testing.T, url string) (v migrations.Version) {
	t.Helper()
	must(t, pgx.BeginFunc(soon(t), connect(t, url), func(tx pgx.Tx) (err error) {
		v, err = migrations.VersionOf(soon(t), tx)
		return err
	}))
	return v
}

// Tried as the application: the newest schema, one more than is known, one less, an older queue, and no grant.
func TestApplicationTellsWhetherMigrationsArePending(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	pool, err := pgxpool.New(soon(t), db.AppURL)
	must(t, err)
	t.Cleanup(pool.Close)
	owner := connect(t, db.OwnerURL)
	for _, c := range []struct {
		change string
		want   error
	}{
		{"select", nil},
		{"insert into goose_db_version (version_id, is_applied) values (9999, true)", nil},
		{"delete from goose_db_version where version_id = 9999; delete from goose_db_version where version_id = (select max(version_id) from goose_db_version)", migrations.ErrPending},
		{"insert into goose_db_version (version_id, is_applied) values (9999, true); delete from river_migration where version = (select max(version) from river_migration)", migrations.ErrPending},
	} {
		_, err := owner.Exec(soon(t), c.change)
		must(t, err)
		if err := migrations.Current(soon(t), pool); !errors.Is(err, c.want) {
			t.Errorf("after %s: %v, want %v", c.change, err, c.want)
		}
	}
	_, err = owner.Exec(soon(t), "revoke select on goose_db_version from postern_app")
	must(t, err)
	if err := migrations.Current(soon(t), pool); err == nil {
		t.Error("what cannot be read is taken for current")
	}
}

// Tried: an older schema made anew, made twice, made over a newer one; versions of other programs.
func TestMakeBringsAnEmptyDatabaseToAnOlderSchema(t *testing.T) {
	t.Parallel()
	old, again := testdb.Empty(t), testdb.Empty(t)
	must(t, migrations.UpTo(soon(t), old.OwnerURL, 3))
	v := versionOf(t, old.OwnerURL)
	if v.Schema != 3 || v.Queue != migrations.RiverVersion || v.Check() != nil {
		t.Fatalf("version %+v: %v", v, v.Check())
	}
	for range 2 {
		must(t, migrations.Make(soon(t), again.OwnerURL, v))
		if got := versionOf(t, again.OwnerURL); got != v {
			t.Errorf("made %+v, want %+v", got, v)
		}
	}
	if shape(t, old.OwnerURL) != shape(t, again.OwnerURL) {
		t.Error("the schema made is another one")
	}
	must(t, migrations.Up(soon(t), again.OwnerURL))
	if err := migrations.Make(soon(t), again.OwnerURL, v); !errors.Is(err, migrations.ErrTaken) {
		t.Errorf("over a newer schema: %v", err)
	}
	newest := versionOf(t, again.OwnerURL)
	for want, change := range map[error]func(*migrations.Version){
		nil:                 func(*migrations.Version) {},
		migrations.ErrNewer: func(v *migrations.Version) { v.Schema++ },
		migrations.ErrOther: func(v *migrations.Version) { v.Fingerprint = "0123456789abcdef" },
	} {
		v := newest
		change(&v)
		if err := v.Check(); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", v, err, want)
		}
	}
	newest.Queue++
	if err := newest.Check(); !errors.Is(err, migrations.ErrNewer) {
		t.Errorf("a newer queue: %v", err)
	}
}
