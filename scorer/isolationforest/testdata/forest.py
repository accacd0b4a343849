# Reference values of TestForest_AgreesWithScikitLearn: points of four features, some of them apart, and what scikit-learn's isolation forest makes of them.
#   python3 forest.py > forest.csv
import numpy, sklearn
from sklearn.ensemble import IsolationForest

rng = numpy.random.default_rng(1)
points = rng.normal(size=(400, 4)) * [1, 5, 0.1, 1] + [0, 100, 0, 0]
points[:, 3] += points[:, 0]
points[::40] += rng.normal(size=(10, 4)) * [4, 20, 0.4, 4]
points[200:, 2] = points[200:, 2].round(1)  # ties
points = points.astype(numpy.float32).astype(float)
forest = IsolationForest(n_estimators=2000, max_samples=256, random_state=1).fit(points)
print(f"# scikit-learn {sklearn.__version__}; four features, -score_samples")
for row in numpy.column_stack([points, -forest.score_samples(points)]):
    print(",".join(f"{x:.9g}" for x in row))
