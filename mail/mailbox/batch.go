package mailbox

// Batches splits metas, in their order, into batches of at most maxMessages
// emails and maxBytes bytes. An email above maxBytes travels alone; one above
// maxSize bytes is in no batch but in oversize, to be accounted for unfetched.
func Batches(metas []Meta, maxMessages int, maxBytes, maxSize int64) (batches [][]Meta, oversize []Meta) {
	var (
		batch []Meta
		bytes int64
	)
	for _, m := range metas {
		if m.Size > maxSize {
			oversize = append(oversize, m)
			continue
		}
		// Subtraction, because a hostile server's sizes overflow a sum.
		full := len(batch) >= maxMessages || m.Size > maxBytes-bytes
		if len(batch) > 0 && full {
			batches, batch, bytes = append(batches, batch), nil, 0
		}
		batch, bytes = append(batch, m), bytes+m.Size
	}
	if len(batch) > 0 {
		batches = append(batches, batch)
	}
	return batches, oversize
}
