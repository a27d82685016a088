"""What src/statistics should say, from the definitions, with 50 digits (mpmath 1.4.1), and by minimizers and roots of its own:

    python3 -m venv v && v/bin/pip install mpmath==1.4.1 && v/bin/python test/statistics/reference.py > test/statistics/reference.json
"""
import json
from mpmath import mp, mpf, log, beta, loggamma, sqrt, findroot, exp, pi

mp.dps = 50
half = mpf(1) / 2
infinite = mpf("inf")


def loglike(n, s, p):
    """Of a sequence of n observations, of which s are 1."""
    if (s > 0 and p <= 0) or (s < n and p >= 1):
        return -infinite
    return (s * log(p) if s else mpf(0)) + ((n - s) * log(1 - p) if n - s else mpf(0))


def mixture(n, s):
    return loggamma(s + half) + loggamma(n - s + half) - loggamma(n + 1) - log(pi)


def log_e(n, s, p):
    return mixture(n, s) - loglike(n, s, p)


def bisect(inside, outside, holds):
    for _ in range(170):
        middle = (inside + outside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside


def proportion(n, s, alpha):
    holds = lambda p: log_e(n, s, p) < -log(alpha)
    p = mpf(s) / n
    return [0 if s == 0 else bisect(p, mpf(0), holds), 1 if s == n else bisect(p, mpf(1), holds)]


def greatest(f, low, high):
    """Of a concave function, by golden section."""
    g = (sqrt(mpf(5)) - 1) / 2
    a, b = low, high
    c, d = b - g * (b - a), a + g * (b - a)
    fc, fd = f(c), f(d)
    for _ in range(130):
        if fc > fd:
            b, d, fd = d, c, fc
            c = b - g * (b - a)
            fc = f(c)
        else:
            a, c, fc = c, d, fd
            d = a + g * (b - a)
            fd = f(d)
    return max(fc, fd, f(low), f(high))


def own(n, s):
    return loglike(n, s, mpf(s) / n)


def critical(n, alpha):
    x = (-2 * log(alpha) + log(1 - 2 * log(alpha))) / 2500 * n
    return sqrt(2 * (1 + x) / x * log(sqrt(1 + x) / alpha))


def time(n, m):
    return 1 / (1 / mpf(n) + 1 / mpf(m))


def far(c, t, link, low, high):
    """Half the squared signed root: how much likelier both are by their own proportions than by any that `link` joins."""
    best = greatest(lambda p: loglike(*c, p) + loglike(*t, link(p)), low, high)
    return own(*c) + own(*t) - best


def by_difference(c, t, d):
    return far(c, t, lambda p: p + d, max(mpf(0), -d), min(mpf(1), 1 - d))


def by_ratio(c, t, r):
    return far(c, t, lambda p: p * r, mpf(0), min(mpf(1), 1 / r))


def against_ratio(t, c, r):
    def one(power):
        best = greatest(
            lambda p: power * loglike(*c, p) + loglike(*t, p * r), mpf(0), min(mpf(1), 1 / r))
        return mixture(*t) + power * mixture(*c) - best
    return log((exp(one(1)) + exp(one(mpf(1) / 8))) / 2)


def dirichlet(counts, shares):
    of = sum(mpf(x) for x in shares)
    prior = [100 * x / of for x in shares]
    b = lambda a: sum(loggamma(x) for x in a) - loggamma(sum(a))
    return b([c + a for c, a in zip(counts, prior)]) - b(prior) - sum(c * log(x / of) for c, x in zip(counts, shares))


def plain(x):
    return [plain(y) for y in x] if isinstance(x, (list, tuple)) else float(x)


out = {}
out["logE"] = [[n, s, float(p), plain(log_e(n, s, mpf(p)))] for n, s, p in [
    (1, 0, 0.5), (10, 3, 0.2), (100, 0, 0.01), (1000, 7, 0.01), (10**6, 999, 0.001), (10**9, 10**7, 0.0100005),
    (10**12, 10**10, 0.01), (10**12, 10**10, 0.0100003), (10**12, 5 * 10**11, 0.5000002), (10**12, 3, 1e-12)]]
out["proportion"] = [[n, s, a, plain(proportion(n, s, mpf(a)))] for n, s, a in [
    (1, 0, 0.05), (10, 3, 0.05), (10, 10, 0.01), (1000, 0, 0.01), (1000, 17, 0.05), (10**6, 1000, 0.001), (10**12, 10**10, 0.05)]]
out["critical"] = [[n, a, plain(critical(n, mpf(a)))] for n, a in [(10, 0.05), (2500, 0.05), (2500, 0.01), (10**9, 0.05)]]


def two(c, t, a):
    most = critical(time(c[0], t[0]), mpf(a)) ** 2 / 2
    d = mpf(t[1]) / t[0] - mpf(c[1]) / c[0]
    by_d = lambda x: by_difference(c, t, x) <= most
    low = -1 if by_d(mpf(-1)) else bisect(d, mpf(-1), by_d)
    high = 1 if by_d(mpf(1)) else bisect(d, mpf(1), by_d)
    r = mpf(t[1]) / t[0] / (mpf(c[1]) / c[0])
    by_r = lambda x: by_ratio(c, t, x) <= most
    most_r = r + 1
    while by_r(most_r):
        most_r *= 2
    return plain([[low, high], [bisect(r, mpf(1) / 10**30, by_r) - 1, bisect(r, most_r, by_r) - 1]])


out["two"] = [[c, t, a, two(c, t, a)] for c, t, a in [
    ((5000, 250), (5000, 300), 0.05), ((300, 30), (270, 60), 0.05), ((9000, 9), (1000, 9), 0.01), ((10**6, 500000), (10**5, 51000), 0.01),
    ((2000, 1990), (2000, 1950), 0.05)]]

def moments(s):
    n, total, squares = map(mpf, s)
    m = total / n
    return m, (squares - total * m) / (n - 1) / n


def means(c, t, a):
    k = critical(time(c[0], t[0]), mpf(a))
    (mc, vc), (mt, vt) = moments(c), moments(t)
    w = k * sqrt(vc + vt)
    holds = lambda x: abs(mt - x * mc) <= k * sqrt(vt + x * x * vc)
    r = mt / mc
    low, high = r - 1, r + 1
    while holds(low):
        low -= 1
    while holds(high):
        high += 1
    return plain([[mt - mc - w, mt - mc + w], [bisect(r, low, holds) - 1, bisect(r, high, holds) - 1]])


out["means"] = [[c, t, a, means(c, t, a)] for c, t, a in [
    ((1000, 5000, 30000), (1200, 6500, 41000), 0.05), ((100000, 20000, 90000), (1000, 330, 1500), 0.01)]]
out["mean"] = [[s, a, plain([moments(s)[0] - critical(s[0], mpf(a)) * sqrt(moments(s)[1]), moments(s)[0] + critical(s[0], mpf(a)) * sqrt(moments(s)[1])])]
               for s, a in [((1000, 5000, 30000), 0.05), ((10**8, 3 * 10**8, 10**9), 0.01)]]
out["exceeds"] = [[t, c, r, plain(against_ratio(t, c, mpf(r)))] for t, c, r in [
    ((3000, 60), (300000, 3000), 1), ((3000, 60), (3000, 30), 1.2), ((40, 7), (500, 0), 1), ((10**9, 2 * 10**7 + 30000), (10**9, 2 * 10**7), 1),
    ((2000, 1990), (1500, 1400), 1)]]
out["sampleRatio"] = [[c, s, plain(dirichlet(c, s))] for c, s in [
    ((1100, 900), (50, 50)), ((3, 0), (1, 1)), ((8000, 1000, 1200), (80, 10, 10)), ((10**12, 10**12 + 3 * 10**6), (1, 1))]]
print(json.dumps(out, indent=1))
