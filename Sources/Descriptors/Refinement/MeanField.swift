import Tensors

/// Mean-field inference with Gaussian kernels and the Potts model.
///
/// As beliefs add up to 1 and filters are linear, the last label's need not be filtered: its result is
/// the filter's sums minus the results of the others. So five labels take only four channels, one vector.
struct MeanField {
    private let labels: Int
    private let pixels: Int
    private let groups: Int
    private let filters: [LatticeFilter]
    /// Negative unaries of all labels but the last, `[groups, pixels]`.
    private let energies: Block<FilterChannels>
    /// Negative unaries of the last label, plus the kernels' sums.
    private let lastEnergies: Block<Float>
    /// Probabilities of all labels but the last, `[groups, pixels]`.
    private let beliefs: Block<FilterChannels>
    private let lastBeliefs: Block<Float>

    /// - Parameters:
    ///   - unaries: `[labels, …]`, with at least two labels.
    ///   - kernels: lattices of the pixels, normalised with the kernels' weights.
    init(unaries: Tensor, kernels: [PermutohedralLattice]) {
        labels = unaries.shape[0]
        pixels = unaries.count / labels
        groups = (labels + 2) / 4
        energies = Block(count: groups * pixels)
        lastEnergies = Block(count: pixels)
        beliefs = Block(count: groups * pixels)
        lastBeliefs = Block(count: pixels)
        let groups = groups
        filters = kernels.map { LatticeFilter($0, groups: groups) }
        unaries.withUnsafeElements { unaries in
            for label in 0..<labels - 1 {
                for pixel in 0..<pixels {
                    energies[label / 4 * pixels + pixel][label % 4] =
                        -unaries[label * pixels + pixel]
                }
            }
            for pixel in 0..<pixels {
                lastEnergies[pixel] = -unaries[(labels - 1) * pixels + pixel]
            }
        }
        // Padding channels get probability 0.
        for label in labels - 1..<4 * groups {
            for pixel in 0..<pixels {
                energies[(groups - 1) * pixels + pixel][label % 4] = -.greatestFiniteMagnitude
            }
        }
        normalize(filtered: false)
        for kernel in kernels {
            // Reduced slightly: otherwise, among labels with equal evidence, rounding would favour the last
            // one or the others, and every update would amplify it.
            for (pixel, sum) in kernel.sums().enumerated() {
                lastEnergies[pixel] += sum * (1 - 3e-7)
            }
        }
    }

    /// Recomputes the beliefs from the filtered ones.
    mutating func update() {
        withUnsafePointers(reading: beliefs) { for filter in filters { filter.blur($0) } }
        normalize(filtered: true)
    }

    /// Sets the beliefs to the softmax of the energies, plus the filters' results if `filtered`.
    private func normalize(filtered: Bool) {
        let size = Self.block
        Parallelism.perform(count: (pixels + size - 1) / size) { block in
            let range = block * size..<min((block + 1) * size, pixels)
            withUnsafeTemporaryAllocation(of: FilterChannels.self, capacity: groups * size) {
                guard let sums = $0.baseAddress else { return }
                sums.initialize(repeating: FilterChannels(), count: groups * size)
                if filtered {
                    for group in 0..<groups {
                        for filter in filters {
                            filter.add(range, group: group, to: sums + group * size)
                        }
                    }
                }
                softmax(range, adding: sums)
            }
        }
    }

    /// Pixels per task, so that its working set stays in the first-level cache.
    private static let block = 512

    private func softmax(_ range: Range<Int>, adding sums: UnsafeMutablePointer<FilterChannels>) {
        withUnsafePointers(reading: energies, lastEnergies, beliefs, lastBeliefs) {
            energies, lastEnergies, beliefs, lastBeliefs in
            for index in range {
                let sums = sums + (index - range.lowerBound)
                var total = FilterChannels()
                var greatest = FilterChannels(repeating: -.infinity)
                for group in 0..<groups {
                    let sum = sums[group * Self.block]
                    let energy = energies[group * pixels + index] + sum
                    total += sum
                    sums[group * Self.block] = energy
                    greatest = energy.replacing(with: greatest, where: greatest .> energy)
                }
                let last = lastEnergies[index] - sumOfLanes(total)
                let top = max(
                    max(greatest[0], greatest[1]), max(greatest[2], greatest[3]), last)
                total = FilterChannels()
                var lastValue: Float = 0
                for group in 0..<groups {
                    let both = exponential(
                        Lanes(
                            lowHalf: sums[group * Self.block],
                            highHalf: FilterChannels(repeating: last)) - top)
                    beliefs[group * pixels + index] = both.lowHalf
                    total += both.lowHalf
                    lastValue = both.highHalf[0]
                }
                let scale = 1 / (sumOfLanes(total) + lastValue)
                for group in 0..<groups { beliefs[group * pixels + index] *= scale }
                lastBeliefs[index] = lastValue * scale
            }
        }
    }

    func beliefs(shape: Shape) -> Tensor {
        Tensor(shape: shape) { target in
            for label in 0..<labels - 1 {
                for pixel in 0..<pixels {
                    target[label * pixels + pixel] =
                        beliefs[label / 4 * pixels + pixel][label % 4]
                }
            }
            for pixel in 0..<pixels {
                target[(labels - 1) * pixels + pixel] = lastBeliefs[pixel]
            }
        }
    }
}

@inline(__always)
private func sumOfLanes(_ value: FilterChannels) -> Float {
    (value[0] + value[2]) + (value[1] + value[3])
}
