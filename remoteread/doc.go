// Package remoteread reads history over the remote-read protocol of Prometheus: its Client is a storage.Queryable, so
// the PromQL engine can evaluate queries over it. Prometheus itself, Mimir and others speak the protocol.
//
// # Answers
//
// The client offers STREAMED_XOR_CHUNKS, then SAMPLES. The Content-Type tells which of them the server sends.
//
// A streamed answer is returned series by series while it arrives. Chunks stay compressed until they are iterated
// over, so memory is that of one series, however long the stream. If the caller asks for sorted series, the whole
// answer is read first, compressed: the server adds external labels, and the client strips them, which changes the
// order.
//
// A sampled answer is built completely in memory by the server and by the client, at some 110 bytes a sample. So the
// first read over more than an hour is preceded by a read over a millisecond, which shows how this server answers. If
// it sends samples, the range is split, and the parts are read from the oldest to the newest. The first part is ten
// minutes long. Each further one is as long as half a million samples should take, but at most four times as long as
// the one before. A part that is over the limit of the server, or over Options.MaxFrameBytes, is halved. Parts are
// compressed as they arrive, and merged series by series.
//
// # External labels
//
// A selector is one query if there are no Options.ExternalLabels, else several in one request, as package query says.
//
// # Reads in flight
//
// Select sends nothing: a read begins with the first Next of its SeriesSet. It counts against Options.MaxConcurrency
// until its answer has been read completely or has failed, or until the querier is closed or the context ends. The
// engine prepares all Selects of a query, then reads them one after another, so a query needs one slot at a time. If
// two sets of one querier are read alternately, the rest of the first is read into memory, so a querier never waits
// for itself. Do not read two queriers of one client alternately from one goroutine: at the limit, the second waits
// until the first is finished or timed out.
//
// # Samples
//
// Floats and native histograms, integer and float, are returned unchanged, including stale markers. Samples outside
// the range asked for are left out. A series with a chunk of unknown encoding is skipped, with a warning, and
// counted.
//
// # Errors
//
// All errors are of type *Error. A failed connection, 429 and 5xx are retried, after MinBackoff, twice that and so
// on, or after Retry-After, as long as no series has been returned. Later errors are not retried, because series
// would come twice. A stream that is torn, too large, or does not match its checksums is an error, and so is one that
// takes longer than Options.Timeout. So is an HTTP/1.x answer with neither Content-Length nor chunks: nothing would
// show that it was cut between two frames. A chunk that cannot be decoded is an error of the Iterator of its series.
package remoteread
