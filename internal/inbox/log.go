package inbox

import "log/slog"

// logPanic tells which email made the parser fail; its bytes stay in the store.
func logPanic(id int64, p any, stack []byte) {
	slog.Error("reading an email failed", "inbound_email", id, "panic", p, "stack", string(stack))
}
