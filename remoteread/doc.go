// Package remoteread reads history from a Prometheus, or from whatever speaks its remote-read protocol (Mimir, for one),
// for the PromQL engine: a Client is a storage.Queryable.
//
// # Answers
//
// The client offers STREAMED_XOR_CHUNKS, then SAMPLES, and decodes what comes by its Content-Type. A streamed answer is
// handed out series by series while it arrives, its chunks compressed until they are iterated: memory is that of one
// series, however long the stream. If the caller wants the series sorted, all of them are read first (compressed), since
// the labels that the server adds, and those stripped here, change the order.
//
// A sampled answer is built in full on both sides, at some 110 bytes a sample. The first read over more than an hour is
// therefore preceded by one over a millisecond, which shows how this server answers; if it samples, the range is read in
// pieces, from the oldest. The first is ten minutes long, each next as long as half a million samples should take, at most
// four times the last; a piece that is over the limit of the server or of Options.MaxFrameBytes is halved. Pieces are
// compressed as they come and joined series by series.
//
// # Reads in flight
//
// Select sends nothing: a read begins with the first Next of its SeriesSet, and counts against Options.MaxConcurrency
// until its stream has been read to the end, failed, or been given up by Close of the querier or by the end of the context.
// The engine prepares all Selects of a query and then reads them one after another: it needs one place at a time.
// Should two sets of one querier be read alternately, the stream under way is first read to its end into memory,
// so a querier never waits for itself. (Nobody should read two queriers of one client alternately from one
// goroutine: at the limit the second waits until the first is finished, or timed out.)
//
// # Samples
//
// Floats and native histograms, integer and float, come as they are, with stale markers; nothing outside the range
// asked for. A series with a chunk of unknown encoding is left out, with a warning, and counted. Every Series has a method
//
//	AppendFloats(ts []int64, vs []float64) ([]int64, []float64, error)
//
// which decodes all its samples at once, for consumers who want slices, in about two thirds of the time of its Iterator.
//
// # Errors
//
// Errors are of type *Error. Nobody answering, a broken connection, 429 and 5xx are tried again, after MinBackoff, twice
// that and so on, or as long as Retry-After says, until a first series has been handed out; what comes after is not
// read twice. A stream that is torn, too large, or not what its checksums say is an error, as is one that is longer under
// way than Options.Timeout; a chunk that cannot be decoded is one of its series' Iterator.
package remoteread
