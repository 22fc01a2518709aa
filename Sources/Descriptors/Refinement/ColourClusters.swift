import Platform
import Tensors

/// K-means of a few thousand colours: like `kMeans`, but for three channels, where a matrix product would
/// only add overhead.
///
/// Seeds are k-means++ with three candidates each, keeping the one with the least sum of distances, as in
/// OpenCV. A cluster that loses its last colour keeps its centre.
struct ColourClusters {
    private let count: Int
    private let padded: Int
    /// Red, green and blue, `[3, padded]`.
    private let colours: Block<Float>
    /// Squared distances from the nearest centre; 0 beyond the last colour.
    private let distances: Block<Float>
    private let labels: Block<Int32>
    private var centres: [SIMD3<Float>] = []

    /// - Parameters:
    ///   - count: the number of colours, at least 1.
    ///   - colour: red, green and blue of the colour at an index below `count`.
    init(count: Int, _ colour: (Int) -> SIMD3<Float>) {
        self.count = count
        padded = (count + 7) / 8 * 8
        colours = Block(repeating: 0, count: 3 * padded)
        distances = Block(repeating: 0, count: padded)
        labels = Block(repeating: 0, count: padded)
        for index in 0..<count {
            let colour = colour(index)
            for channel in 0..<3 { colours[channel * padded + index] = colour[channel] }
            distances[index] = .greatestFiniteMagnitude
        }
    }

    /// Runs k-means and returns each colour's cluster.
    ///
    /// - Complexity: O(colours * clusters * iterations).
    mutating func run(
        clusters: Int, iterations: Int, using generator: inout some RandomNumberGenerator
    ) -> [Int32] {
        drawSeeds(clusters, using: &generator)
        for iteration in 0..<iterations {
            if iteration > 0 { moveCentres() }
            guard assign() else { break }
        }
        return labels.prefix(count)
    }

    private mutating func drawSeeds(
        _ clusters: Int, using generator: inout some RandomNumberGenerator
    ) {
        centres = [colour(generator.nextIndex(below: count))]
        var total = approach(centres[0])
        while centres.count < clusters {
            let candidates = (0..<3).map { _ in colour(draw(of: total, using: &generator)) }
            let totals = candidates.map(sum(with:))
            var best = 0
            for trial in 1..<3 where totals[trial] < totals[best] { best = trial }
            centres.append(candidates[best])
            total = approach(candidates[best])
        }
    }

    /// Draws a colour with a probability proportional to its distance, or uniformly if all are zero.
    private func draw(
        of total: Double, using generator: inout some RandomNumberGenerator
    ) -> Int {
        guard total > 0 else { return generator.nextIndex(below: count) }
        let threshold = generator.nextUniform() * total
        // The sums are exact, as distances are whole numbers.
        var sum = 0.0
        for index in 0..<count {
            sum += Double(distances[index])
            if sum > threshold { return index }
        }
        fail("ColourClusters: \(threshold) of \(total)")
    }

    private func colour(_ index: Int) -> SIMD3<Float> {
        SIMD3(colours[index], colours[padded + index], colours[2 * padded + index])
    }

    @inline(__always)
    private func distance(
        _ colours: UnsafePointer<Float>, _ index: Int, _ centre: SIMD3<Float>
    ) -> Lanes {
        let base = colours + index
        let red = load(base) - centre.x
        let green = load(base + padded) - centre.y
        let blue = load(base + 2 * padded) - centre.z
        return red * red + green * green + blue * blue
    }

    /// The sum of distances if `centre` were added.
    private func sum(with centre: SIMD3<Float>) -> Double {
        withUnsafePointers(reading: colours, distances) { colours, distances in
            var sum = 0.0
            for index in stride(from: 0, to: padded, by: 8) {
                let known = load(distances + index)
                let new = distance(colours, index, centre)
                sum += Double(known.replacing(with: new, where: new .< known).sum())
            }
            return sum
        }
    }

    /// Updates the distances for a new centre and returns their sum.
    private func approach(_ centre: SIMD3<Float>) -> Double {
        let sum = sum(with: centre)
        withUnsafePointers(reading: colours, distances) { colours, distances in
            for index in stride(from: 0, to: padded, by: 8) {
                let known = load(distances + index)
                let new = distance(colours, index, centre)
                store(known.replacing(with: new, where: new .< known), to: distances + index)
            }
        }
        return sum
    }

    /// Assigns each colour to its nearest centre, the first on a tie, and returns whether any changed.
    private func assign() -> Bool {
        withUnsafePointers(reading: colours, labels) { colours, labels in
            var changed = SIMDMask<SIMD8<Int32>>(repeating: false)
            for index in stride(from: 0, to: padded, by: 8) {
                var nearest = Lanes(repeating: .infinity)
                var label = SIMD8<Int32>()
                for (cluster, centre) in centres.enumerated() {
                    let new = distance(colours, index, centre)
                    let nearer = new .< nearest
                    nearest.replace(with: new, where: nearer)
                    label.replace(with: Int32(cluster), where: nearer)
                }
                let place = UnsafeMutableRawPointer(labels + index)
                changed .|= label .!= place.loadUnaligned(as: SIMD8<Int32>.self)
                place.storeBytes(of: label, as: SIMD8<Int32>.self)
            }
            return any(changed)
        }
    }

    private mutating func moveCentres() {
        var sums = [SIMD4<Double>](repeating: SIMD4(), count: centres.count)
        for index in 0..<count {
            sums[Int(labels[index])] += SIMD4(SIMD3<Double>(colour(index)), 1)
        }
        for (cluster, sum) in sums.enumerated() where sum.w > 0 {
            centres[cluster] = SIMD3(
                Float(sum.x / sum.w), Float(sum.y / sum.w), Float(sum.z / sum.w))
        }
    }
}
