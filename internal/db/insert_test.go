package db

import (
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/postern-desk/postern/internal/event"
)

// Two tables of which one refers to the other, with every kind of column that a row may have.
const sqlRooms = `
create table houses (id uuid primary key, notes text[], kin uuid[], facts jsonb, size bigint, opened boolean, seal bytea, owner uuid);
create table rooms (house uuid not null references houses, name text);
grant select, insert, update on houses, rooms to postern_app`

var (
	intoHouses = &Insert{Order: 1, SQL: `insert into houses select id, notes::text[], kin::uuid[], facts, size, opened, seal, owner
		from unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[], $5::bigint[], $6::boolean[], $7::bytea[], $8::uuid[])
			as h(id, notes, kin, facts, size, opened, seal, owner)`}
	intoRooms = &Insert{Order: 2, SQL: `insert into rooms select * from unnest($1::uuid[], $2::text[])`}
)

// Tried: rows in an order that the foreign key forbids, and values that an array's text form has to escape.
func TestInsertWritesATableAtATime(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	s.test.Fixture(t, sqlRooms)
	old, first, second, kin := NewID(), NewID(), NewID(), NewID()
	odd := []string{`a "b" \c`, "", "{x,y}", "null", "é\nü"}
	house := func(tx *Tx, id uuid.UUID, notes []string) {
		tx.Insert(intoHouses, id, notes, []uuid.UUID{kin}, map[string]any{"k": `"v"`}, int64(math.MaxInt64), true, []byte{0, 1}, uuid.NullUUID{})
	}
	must(t, s.Bookkeep(soon(t), "test", func(tx *Tx) error { house(tx, old, nil); return nil }))
	must(t, s.Bookkeep(soon(t), "test", func(tx *Tx) error {
		tx.Insert(intoRooms, old, "hall") // this table comes up first
		tx.Queue(`update houses set size = 2 where id = $1`, second)
		house(tx, first, odd)
		tx.Insert(intoRooms, first, "attic")
		house(tx, second, []string{})
		if got, err := Column[string](tx, `select name from rooms order by name`); err != nil || strings.Join(got, " ") != "attic hall" {
			t.Errorf("a read does not see the rows before it: %v %v", got, err)
		}
		tx.Insert(intoRooms, second, "cellar")
		return nil
	}))
	var notes []string
	var size int64
	must(t, s.View(soon(t), tester, func(v *View) error {
		return v.QueryRow(`select notes, size from houses where id = $1 and kin = array[$2::uuid] and facts ->> 'k' = '"v"' and opened
			and seal = '\x0001' and owner is null`, first, kin).Scan(&notes, &size)
	}))
	if strings.Join(notes, "|") != strings.Join(odd, "|") || size != math.MaxInt64 {
		t.Errorf("read back %q, %d", notes, size)
	}
	if got := s.text(`select concat_ws(' ', (select count(*) from rooms), (select size from houses where id = $1))`, second); got != "3 2" {
		t.Errorf("rooms and the updated size: %s", got)
	}
}

// A row of other types than the first one is a mistake of the program, and must not take the first one's place.
func TestInsertKnowsAColumnByItsFirstRow(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a string after a number was taken")
		}
	}()
	tx := &Tx{}
	tx.Insert(intoRooms, int64(1), "hall")
	tx.Insert(intoRooms, "1", "hall")
}

// Tried: a row that its table refuses, and JSON that cannot be written. The whole change goes with it.
func TestInsertFailsWithItsChange(t *testing.T) {
	t.Parallel()
	s := newScene(t, Options{})
	s.test.Fixture(t, sqlRooms)
	for name, fill := range map[string]func(*Tx){
		"no such house": func(tx *Tx) { tx.Insert(intoRooms, NewID(), "hall") },
		"no JSON": func(tx *Tx) {
			tx.Insert(intoHouses, NewID(), []string{}, []uuid.UUID{}, map[string]any{"k": math.NaN()}, int64(1), true, []byte{}, uuid.NullUUID{})
		},
	} {
		err := s.Change(soon(t), tester, func(tx *Tx) error {
			onboard(tx, NewID())
			fill(tx)
			return nil
		})
		if err == nil {
			t.Errorf("%s: the change was committed", name)
		}
	}
	if got := s.left(); got != "0 0 0 0 0" {
		t.Errorf("left behind: %s", got)
	}
	id := NewID()
	must(t, s.Change(soon(t), tester, func(tx *Tx) error {
		tx.Record(event.Event{Kind: event.ClientCreated, ClientID: id, SubjectID: id.String()})
		tx.Queue(sqlAddClient, id, "next")
		return nil
	}))
}
