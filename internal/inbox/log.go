package inbox

import (
	"fmt"
	"log/slog"
)

// logPanic tells which email made the parser fail; its bytes stay in the store. The panic's value is left out but
// for its type: it may hold what somebody wrote.
func logPanic(id int64, p any, stack []byte) {
	slog.Error("reading an email failed", "inbound_email", id, "panic", fmt.Sprintf("%T", p), "stack", string(stack))
}
