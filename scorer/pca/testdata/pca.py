# Reference values of TestFit_AgreesWithScikitLearn: normal deviates of five signals, and what scikit-learn's PCA makes of them.
#   python3 pca.py > pca.csv
import numpy, sklearn
from scipy.stats import norm, rankdata
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

rng = numpy.random.default_rng(1)
busy, calm = rng.uniform(-1, 1, (2, 41))
v = numpy.column_stack([
    5 + 3 * busy + 0.4 * rng.uniform(-1, 1, 41),
    -0.2 * busy + 0.05 * rng.uniform(-1, 1, 41),
    40 + 9 * calm + rng.uniform(-1, 1, 41),
    7 * busy + 2 * rng.uniform(-1, 1, 41),
    -3 * calm + rng.uniform(-1, 1, 41),
]).astype(numpy.float32).astype(float)
z = norm.ppf(numpy.apply_along_axis(rankdata, 0, v) / (len(v) + 1)).astype(numpy.float32).astype(float)
assert abs(z).max() < 3  # none is cut off
# PCA of standardised values is that of their correlations.
components = PCA().fit(StandardScaler().fit_transform(z))
kept = int((components.explained_variance_ratio_ * z.shape[1] > 1).sum())
v = components.components_
distance = numpy.sqrt((((z @ v.T) ** 2) / (components.explained_variance_ratio_ * z.shape[1] + 0.01)).sum(axis=1))
error = numpy.sqrt(((z - z @ v[:kept].T @ v[:kept]) ** 2).sum(axis=1))
print(f"# scikit-learn {sklearn.__version__}, {kept} of 5 components kept; deviates, distance, reconstruction error")
for row in numpy.column_stack([z, distance, error]):
    print(",".join(repr(float(x)) for x in row))
