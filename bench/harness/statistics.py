"""Medians and intervals over the rounds."""


def quantile(values, q):
    """By linear interpolation; None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    at = (len(ordered) - 1) * q
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def median(values):
    return quantile(values, 0.5)


def ratio(values, references):
    """The median of the ratios within each round, and the 10th and 90th percentile. A slow round cancels out."""
    pairs = [value / reference for value, reference in zip(values, references) if reference]
    return {"median": median(pairs), "low": quantile(pairs, 0.1), "high": quantile(pairs, 0.9)} if pairs else None
