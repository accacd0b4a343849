package servers

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
)

const (
	// blockRange is the length of a block; blocks are aligned to the epoch.
	blockRange = int64(24 * time.Hour / time.Millisecond)
	// chunkSamples is the number of samples at which Prometheus itself cuts chunks.
	chunkSamples = 120
	// segmentSize is far below the 512 MiB of disk space that a chunk writer allocates by default.
	segmentSize = 32 << 20
)

// Series is a series to write into blocks. Its samples are in order of time, in milliseconds since the epoch.
type Series struct {
	Labels  labels.Labels
	Samples iter.Seq2[int64, float64]
}

// WriteBlocks writes the series, in any order, into dir as TSDB blocks of a day each. dir can then be the data
// directory of a Prometheus. A block ends with its last sample, so that live samples can follow immediately.
//
// Chunks are first spooled to a file, then sorted by labels, as the format requires. So memory grows with the number
// of chunks (some 32 bytes per 120 samples), not with that of samples.
func WriteBlocks(dir string, series iter.Seq[Series]) (err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "spool-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()

	s := spool{w: bufio.NewWriterSize(file, 1<<20), blocks: map[int64][]spooledSeries{}}
	for one := range series {
		if err := s.add(one); err != nil {
			return fmt.Errorf("series %s: %w", one.Labels, err)
		}
	}
	if err := s.w.Flush(); err != nil {
		return err
	}
	for _, start := range slices.Sorted(maps.Keys(s.blocks)) {
		if err := writeBlock(dir, s.blocks[start], file); err != nil {
			return fmt.Errorf("block of %s: %w", time.UnixMilli(start).UTC().Format(time.RFC3339), err)
		}
	}
	return nil
}

// spool holds the chunks of all blocks in one file.
type spool struct {
	w      *bufio.Writer
	size   int64
	blocks map[int64][]spooledSeries // by start of the block
}

// spooledSeries is the part of a series in one block.
type spooledSeries struct {
	labels labels.Labels
	chunks []spooledChunk
}

type spooledChunk struct {
	mint, maxt int64
	offset     int64
	length     int32
	samples    int32
}

func (s *spool) add(one Series) error {
	var (
		chunk = chunkenc.NewXORChunk()
		app   chunkenc.Appender
		meta  spooledChunk
		err   error
	)
	cut := func() error {
		if meta.samples == 0 {
			return nil
		}
		meta.offset, meta.length = s.size, int32(len(chunk.Bytes()))
		if _, err := s.w.Write(chunk.Bytes()); err != nil {
			return err
		}
		s.size += int64(meta.length)
		s.put(one.Labels, meta)
		meta = spooledChunk{}
		return nil
	}
	last, first := int64(0), true
	for t, v := range one.Samples {
		if !first && t <= last {
			return fmt.Errorf("sample at %d comes after one at %d", t, last)
		}
		if meta.samples == chunkSamples || blockStart(t) != blockStart(last) {
			if err := cut(); err != nil {
				return err
			}
		}
		if meta.samples == 0 {
			chunk = chunkenc.NewXORChunk()
			if app, err = chunk.Appender(); err != nil {
				return err
			}
			meta.mint = t
		}
		app.Append(0, t, v)
		meta.maxt = t
		meta.samples++
		last, first = t, false
	}
	return cut()
}

func (s *spool) put(lset labels.Labels, c spooledChunk) {
	start := blockStart(c.mint)
	all := s.blocks[start]
	if n := len(all); n == 0 || !labels.Equal(all[n-1].labels, lset) {
		all = append(all, spooledSeries{labels: lset})
	}
	one := &all[len(all)-1]
	one.chunks = append(one.chunks, c)
	s.blocks[start] = all
}

func blockStart(t int64) int64 {
	start := t - t%blockRange
	if t < start { // before the epoch
		start -= blockRange
	}
	return start
}

func writeBlock(dir string, series []spooledSeries, spool io.ReaderAt) (err error) {
	slices.SortFunc(series, func(a, b spooledSeries) int { return labels.Compare(a.labels, b.labels) })
	id, err := ulid.New(ulid.Now(), rand.Reader)
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, id.String())
	cw, err := chunks.NewWriter(filepath.Join(dir, "chunks"), chunks.WithSegmentSize(segmentSize))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cw.Close()) }()
	iw, err := index.NewWriter(context.Background(), filepath.Join(dir, "index"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iw.Close()) }()

	for _, symbol := range symbols(series) {
		if err := iw.AddSymbol(symbol); err != nil {
			return err
		}
	}
	meta := tsdb.BlockMeta{
		ULID: id, Version: 1,
		MinTime: series[0].chunks[0].mint, MaxTime: series[0].chunks[0].maxt,
		Compaction: tsdb.BlockMetaCompaction{Level: 1, Sources: []ulid.ULID{id}},
	}
	for i, one := range series {
		metas, err := readChunks(spool, one.chunks)
		if err != nil {
			return err
		}
		if err := cw.WriteChunks(metas...); err != nil {
			return err
		}
		if err := iw.AddSeries(storage.SeriesRef(i), one.labels, metas...); err != nil {
			return err
		}
		count(&meta, one.chunks)
	}
	meta.MaxTime++ // it is exclusive
	b, err := json.MarshalIndent(meta, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "meta.json"), b, 0o666)
}

func readChunks(spool io.ReaderAt, spooled []spooledChunk) ([]chunks.Meta, error) {
	metas := make([]chunks.Meta, 0, len(spooled))
	for _, c := range spooled {
		b := make([]byte, c.length)
		if _, err := spool.ReadAt(b, c.offset); err != nil {
			return nil, err
		}
		chunk, err := chunkenc.FromData(chunkenc.EncXOR, b)
		if err != nil {
			return nil, err
		}
		metas = append(metas, chunks.Meta{Chunk: chunk, MinTime: c.mint, MaxTime: c.maxt})
	}
	return metas, nil
}

func count(meta *tsdb.BlockMeta, spooled []spooledChunk) {
	meta.Stats.NumSeries++
	for _, c := range spooled {
		meta.MinTime, meta.MaxTime = min(meta.MinTime, c.mint), max(meta.MaxTime, c.maxt)
		meta.Stats.NumChunks++
		meta.Stats.NumSamples += uint64(c.samples)
		meta.Stats.NumFloatSamples += uint64(c.samples)
	}
}

// symbols returns every label name and value once, sorted.
func symbols(series []spooledSeries) []string {
	seen := map[string]struct{}{}
	for _, one := range series {
		one.labels.Range(func(l labels.Label) {
			seen[l.Name] = struct{}{}
			seen[l.Value] = struct{}{}
		})
	}
	return slices.Sorted(maps.Keys(seen))
}
