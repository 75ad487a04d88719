package main

import (
	"context"
	"strings"

	"github.com/postern-desk/postern/internal/wording"
)

// checkTemplateFiles reads the folder as a start would.
func (d *doctor) checkTemplateFiles() {
	if d.set.TemplatesDir == "" {
		return
	}
	if _, err := wording.ReadFiles(d.set.TemplatesDir); err != nil {
		d.fail("letter templates", err.Error(), "correct the files, or POSTERN_TEMPLATES_DIR; the desk does not start with them")
		return
	}
	d.ok("letter templates", "the files in "+d.set.TemplatesDir+" can be used")
}

// checkSavedTemplates finds those that an older release took and this one does not.
func (d *doctor) checkSavedTemplates(ctx context.Context) {
	saved, err := wording.New(d.store.db, nil, nil).List(ctx, cliActor())
	if err != nil {
		d.fail("saved letter templates", err.Error(), "bring the schema up to date: postern migrate")
		return
	}
	for _, t := range saved {
		if _, err := wording.Compile(t); err != nil {
			d.warn("letter template "+strings.TrimSpace(t.Name+" "+t.Language), err.Error(), "save it anew; until then letters have the built-in words")
		}
	}
}
