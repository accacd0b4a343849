// Adds label matchers to the metrics in a PromQL expression that exporters publish. What rules record follows from
// these, and is left alone.
local isWord(c) = std.member('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:', c);
local isMetric(word) =
  word == 'up'
  || word == 'kube_deployment_status_replicas'
  || (
    std.any([std.startsWith(word, prefix) for prefix in ['anomaly_', 'forecast_', 'recommended_']])
    && word != 'anomaly_replica'  // a label
  );

{
  add(expr, matchers)::
    // Ends a word, now that the next character is known.
    local finish(state, next) =
      if isMetric(state.word) && next == '{' then { out: state.out + state.word + '{' + matchers + ',', skip: true }
      else if isMetric(state.word) then { out: state.out + state.word + '{' + matchers + '}', skip: false }
      else { out: state.out + state.word, skip: false };
    local step(state, c) =
      if state.quoted then state { out+: c, quoted: c != '"' }
      else if isWord(c) then state { word+: c }
      else
        local done = finish(state, c);
        state { out: done.out + (if done.skip then '' else c), word: '', quoted: c == '"' };
    if matchers == '' then expr
    else finish(std.foldl(step, std.stringChars(expr), { out: '', word: '', quoted: false }), '').out,
}
