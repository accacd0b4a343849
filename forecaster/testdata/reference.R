# Reference forecasts for models_test.go, from R 4.2 and its package forecast 8.20:
#   Rscript reference.R > reference.csv
# Two made-up series: "flat", 150 values with a slope and noise about a wandering level, and "hourly", 14 days of 24
# values with a shape of the day and noise.
suppressMessages(library(forecast))
set.seed(7)
flat <- round(50 + 0.05 * (1:150) + cumsum(rnorm(150, 0, 1)) + rnorm(150, 0, 2), 3)
hours <- 0:335
noise <- as.numeric(arima.sim(list(ar = c(0.6, 0.1)), 336, sd = 3))
hourly <- round(200 + 0.02 * hours + 40 * sin(2 * pi * hours / 24) + 15 * cos(4 * pi * hours / 24) + noise, 3)

put <- function(kind, series, values) {
  cat(paste(c(dQuote(kind, FALSE), series, sprintf("%.8f", values)), collapse = ","), "\n", sep = "")
}
put("values", "flat", flat)
put("values", "hourly", hourly)
h <- 12
put("drift", "flat", rwf(flat, h, drift = TRUE)$mean)
put("mean", "flat", meanf(flat, h)$mean)
put("seasonal_naive", "hourly", snaive(ts(hourly, frequency = 24), 36)$mean)
put("ses", "flat", ses(flat, h, initial = "optimal")$mean)
put("holt", "flat", holt(flat, h, damped = TRUE, initial = "optimal")$mean)
put("theta", "flat", thetaf(flat, h)$mean)
put("holt_winters", "hourly", hw(ts(hourly, frequency = 24), 36, seasonal = "additive", damped = TRUE)$mean)
put("arima", "flat", forecast(Arima(flat, order = c(5, 1, 0), method = "CSS"), h)$mean)
put("arima(1,1,1)", "flat", forecast(Arima(flat, order = c(1, 1, 1), method = "CSS"), h)$mean)
put("arima(2,0,0)", "flat", forecast(Arima(flat, order = c(2, 0, 0), method = "CSS"), h)$mean)

terms <- function(t) {
  day <- outer(t, 1:6, function(t, k) sin(2 * pi * k * t / 24))
  day <- cbind(day, outer(t, 1:6, function(t, k) cos(2 * pi * k * t / 24)))
  week <- outer(t, 1:3, function(t, k) sin(2 * pi * k * t / 168))
  cbind(t, day, week, outer(t, 1:3, function(t, k) cos(2 * pi * k * t / 168)))
}
fit <- lm(hourly ~ terms(hours))
errors <- arima(residuals(fit), order = c(3, 0, 0), include.mean = FALSE, method = "CSS")
ahead <- 336:371
put("fourier", "hourly", cbind(1, terms(ahead)) %*% coef(fit) + predict(errors, 36)$pred)
