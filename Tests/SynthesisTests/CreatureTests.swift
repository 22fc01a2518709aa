import Images
import Synthesis
import Tensors
import Testing

@Suite struct CreatureTests {
    /// Pictures of all kinds, at the size that small networks are trained on.
    static let series = creatures(400, size: 64)
    static let studio = creatures(400, size: 64, setting: .studio)

    @Test func sameSeedAndIndexGiveTheSamePicture() {
        let numbers = [(3 as UInt64, 0), (3, 17), (90, 4)]
        for (seed, index) in numbers {
            let first = Creature(seed: seed, index: index, size: 80)
            let second = Creature(seed: seed, index: index, size: 80)
            // Compared outside the expectation, which would print the pictures if it failed.
            let isSame = first.image == second.image && first.mask == second.mask
            #expect(isSame)
            #expect(places(first) == places(second))
        }
        let pictures = numbers.map { Creature(seed: $0.0, index: $0.1, size: 80).image }
        #expect(Set(pictures).count == numbers.count)
    }

    @Test func picturesAreIdenticalForAnyThreadCount() {
        let threads = Parallelism.threadCount
        defer { Parallelism.threadCount = threads }
        Parallelism.threadCount = 1
        let alone = creatures(12, size: 48)
        Parallelism.threadCount = 2
        let together = creatures(12, size: 48)
        let isSame =
            alone.map(\.image) == together.map(\.image) && alone.map(\.mask) == together.map(\.mask)
        #expect(isSame)
    }

    /// A picture of twice the size, averaged over four pixels, differs by texture and edges that fall between
    /// samples (measured: up to 6 grey levels, where different pictures differ by 30 or more).
    @Test func sizeChangesOnlyDetail() {
        for index in 0..<10 {
            let small = Creature(seed: 1, index: index, size: 96)
            let large = Creature(seed: 1, index: index, size: 192)
            #expect(small.kind == large.kind && small.facing == large.facing)
            for (name, keypoint) in small.keypoints {
                let other = large.keypoints[name]?.place
                #expect(abs(keypoint.place.x * 2 - (other?.x ?? -1)) < 1e-9)
                #expect(abs(keypoint.place.y * 2 - (other?.y ?? -1)) < 1e-9)
            }
            let halved = large.image.resized(width: 96, height: 96, using: .bilinear)
            let difference = zip(small.image.pixels, halved.pixels).reduce(0) {
                $0 + abs(Int($1.0) - Int($1.1))
            }
            #expect(Double(difference) / Double(small.image.pixels.count) < 10)
        }
    }

    @Test(arguments: Setting.allCases)
    func visibleKeypointsLieOnTheirPart(setting: Setting) {
        for creature in setting == .wild ? Self.series : Self.studio {
            let size = creature.image.width
            for (name, keypoint) in creature.keypoints {
                let (x, y) = (Int(keypoint.place.x), Int(keypoint.place.y))
                #expect((0..<size).contains(x) && (0..<size).contains(y), "\(name)")
                guard keypoint.isVisible else { continue }
                let around = (max(0, y - 1)...min(size - 1, y + 1)).flatMap { row in
                    (max(0, x - 1)...min(size - 1, x + 1)).map { creature.mask[row * size + $0] }
                }
                #expect(around.contains(name.part.rawValue), "\(creature.kind) \(name)")
            }
        }
    }

    /// Those that face the viewer are mostly visible.
    @Test func keypointsAreCompleteAndMostlyVisible() {
        for kind in Kind.allCases {
            let ofKind = Self.series.filter { $0.kind == kind }
            #expect(!ofKind.isEmpty)
            var expected = Set(Keypoint.allCases)
            if kind == .bird {
                // Its front limbs are wings.
                expected.subtract([.nearFrontKnee, .nearFrontFoot, .farFrontKnee, .farFrontFoot])
            }
            #expect(ofKind.allSatisfy { Set($0.keypoints.keys) == expected })
            for name in [Keypoint.eye, .nose, .tailTip, .back, .nearBackFoot, .nearFrontFoot]
            where expected.contains(name) {
                let visible = ofKind.filter { $0.keypoints[name]?.isVisible == true }
                #expect(Double(visible.count) >= 0.8 * Double(ofKind.count), "\(kind) \(name)")
            }
        }
    }

    @Test(arguments: Setting.allCases)
    func everyPartAppears(setting: Setting) {
        for creature in setting == .wild ? Self.series : Self.studio {
            var counts = [Int](repeating: 0, count: Part.allCases.count)
            for part in creature.mask { counts[Int(part)] += 1 }
            #expect(counts.allSatisfy { $0 >= 2 }, "\(creature.kind) \(counts)")
            // Neither a speck nor the whole picture.
            let share = 1 - Double(counts[0]) / Double(creature.mask.count)
            #expect((0.02...0.7).contains(share), "\(creature.kind) \(share)")
        }
    }

    /// In the studio heads are lowered and the floor slopes, so that height tells little of the parts; in the wild neither.
    @Test func posesVaryMoreInTheStudio() {
        func horses(_ series: [Creature]) -> [[Keypoint: Point]] {
            series.filter { $0.kind == .horse }.map { $0.keypoints.mapValues(\.place) }
        }
        func shareOfLoweredHeads(_ series: [Creature]) -> Double {
            let horses = horses(series)
            let lowered = horses.filter { places in
                guard let eye = places[.eye], let back = places[.back] else { return false }
                return eye.y > back.y
            }
            return Double(lowered.count) / Double(horses.count)
        }
        #expect(shareOfLoweredHeads(Self.series) == 0)
        #expect((0.15...0.85).contains(shareOfLoweredHeads(Self.studio)))

        /// The steepest trunk, as rise over run.
        func steepest(_ series: [Creature]) -> Double {
            horses(series).compactMap { places in
                guard let tail = places[.tailBase], let neck = places[.neckBase] else { return nil }
                return abs((neck.y - tail.y) / (neck.x - tail.x))
            }.max() ?? 0
        }
        #expect(steepest(Self.studio) > steepest(Self.series) + 0.1)
    }

    @Test func boxEnclosesTheCreatureTightly() {
        for creature in Self.series {
            let size = creature.image.width
            let rows = (0..<size).filter { row in
                creature.mask[row * size..<(row + 1) * size].contains { $0 != 0 }
            }
            let columns = (0..<size).filter { column in
                (0..<size).contains { creature.mask[$0 * size + column] != 0 }
            }
            let box = creature.box
            #expect(Int(box.y) == rows.first && Int(box.y + box.height) - 1 == rows.last)
            #expect(Int(box.x) == columns.first && Int(box.x + box.width) - 1 == columns.last)
        }
    }

    @Test func kindsAndSidesAreBalanced() {
        for kind in Kind.allCases {
            #expect(
                Self.series.filter { $0.kind == kind }.count
                    == Self.series.count / Kind.allCases.count)
        }
        // Four standard deviations of a fair coin.
        let left = Self.series.filter { $0.facing == .left }.count
        #expect(abs(left - Self.series.count / 2) < 2 * Int(Double(Self.series.count).squareRoot()))
    }
}

/// The first creatures of a series.
func creatures(
    _ count: Int, size: Int, kinds: [Kind] = Kind.allCases, setting: Setting = .wild
) -> [Creature] {
    let result = [Creature?](unsafeUninitializedCapacity: count) { buffer, initialized in
        nonisolated(unsafe) let base = buffer.baseAddress!
        Parallelism.perform(count: count) { index in
            (base + index).initialize(
                to: Creature(seed: 11, index: index, size: size, kinds: kinds, setting: setting))
        }
        initialized = count
    }
    return result.compactMap(\.self)
}

private func places(_ creature: Creature) -> [Keypoint: [Double]] {
    creature.keypoints.mapValues { [$0.place.x, $0.place.y, $0.isVisible ? 1 : 0] }
}
