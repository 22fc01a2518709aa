import Platform

/// Caches one value per grid, for the grids that were computed last.
final class GridCache<Value: Sendable>: Sendable {
    private let entries = Lock<[(grid: PatchGrid, value: Value)]>([])

    func value(for grid: PatchGrid, compute: () -> Value) -> Value {
        if let kept = entries.withLock({ $0.first { $0.grid == grid }?.value }) { return kept }
        let value = compute()
        entries.withLock {
            if $0.count == gridsKept { $0.removeFirst() }
            $0.append((grid, value))
        }
        return value
    }
}

private let gridsKept = 8
