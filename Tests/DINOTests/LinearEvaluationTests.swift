import DINO
import Foundation
import Images
import Tensors
import Testing
import ViT

@Suite struct LinearEvaluationTests {
    /// Pictures of two classes: 7 for training, 5 for testing.
    private struct Pictures {
        let folder: TemporaryFolder

        /// - Parameter picture: makes the picture of a given number.
        init(_ picture: (Int) -> Image) throws {
            folder = try TemporaryFolder()
            for number in 0..<12 {
                try folder.write(picture(number), to: Pictures.name(number))
            }
        }

        static func name(_ number: Int) -> String {
            "\(number < 7 ? "train" : "test")/\(number % 2 == 0 ? "even" : "odd")/\(number).png"
        }

        func labelled() throws -> (train: LabelledPictures, test: LabelledPictures) {
            let train = try LabelledPictures(PictureFolder(folder.path + "/train"))
            let test = try LabelledPictures(
                PictureFolder(folder.path + "/test"), classesOf: train)
            return (train, test)
        }

        func breakPicture(_ number: Int) throws {
            try folder.write("no picture".utf8, to: Pictures.name(number))
        }
    }

    private static func uniformPicture(_ number: Int) -> Image {
        Image(
            width: 20 + number, height: 30 - number,
            colour: Colour(red: UInt8(20 * number), green: 200, blue: UInt8(250 - 20 * number)))
    }

    private static func noisePicture(_ number: Int) -> Image {
        var generator = SplitMix64(seed: UInt64(number))
        let pixels = (0..<20 * 24 * 3).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        return Image(width: 20, height: 24, pixels: pixels)
    }

    private struct Run {
        var epochs: [LinearEvaluation.Epoch] = []
        var pictures = 0
        var skipped: (train: [SkippedPicture], test: [SkippedPicture]) = ([], [])
        var classifier: Linear
    }

    private func run(
        _ pictures: Pictures, _ change: (inout LinearEvaluation) -> Void
    ) throws -> Run {
        let network = try VisionTransformer(
            contentsOf: EvaluationFixtures.path("network.safetensors"), heads: 2)
        var evaluation = LinearEvaluation()
        evaluation.embedding = FrozenEmbedding(lastBlocks: 2)
        evaluation.view = CentreView(loadSize: 18, cropSize: 16)
        evaluation.options.epochs = 4
        evaluation.options.learningRate = 10
        evaluation.options.batchSize = 3
        change(&evaluation)
        let (train, test) = try pictures.labelled()
        var result = Run(
            classifier: Linear(weight: Tensor([], shape: [0, 0]), bias: Tensor([], shape: [0])))
        result.classifier = try evaluation(network, train: train, test: test) { event in
            switch event {
            case .pictures(let count): result.pictures += count
            case .epoch(let epoch, let skipped):
                result.epochs.append(epoch)
                result.skipped = skipped
            }
        }.classifier
        if result.skipped.train.isEmpty && result.skipped.test.isEmpty {
            #expect(result.pictures == evaluation.pictureCount(train: train, test: test))
        }
        return result
    }

    /// All crops of a single-colour picture are equal, so augmentation makes no difference.
    @Test func uniformPicturesAreUnaffectedByAugmentation() throws {
        let pictures = try Pictures(Self.uniformPicture)
        let augmented = try run(pictures) { _ in }
        let fixed = try run(pictures) { $0.isAugmented = false }
        #expect(augmented.epochs == fixed.epochs)
        #expect(augmented.classifier.weight == fixed.classifier.weight)
        #expect(augmented.pictures == 5 + 4 * 7 && fixed.pictures == 5 + 7)
        #expect(fixed.epochs[3].trainLoss < fixed.epochs[0].trainLoss)
    }

    /// With a negligible learning rate and all pictures in one step, losses differ only if the views differ.
    @Test func augmentedViewsDependOnEpochAndSeed() throws {
        let pictures = try Pictures(Self.noisePicture)
        func losses(_ change: (inout LinearEvaluation) -> Void = { _ in }) throws -> [Double] {
            try run(pictures) {
                $0.options.learningRate = 1e-30
                $0.options.batchSize = 7
                change(&$0)
            }.epochs.map(\.trainLoss)
        }
        let fixed = try losses { $0.isAugmented = false }
        // The same sum in a different order.
        #expect(fixed.allSatisfy { abs($0 - fixed[0]) < 1e-6 })
        let augmented = try losses()
        #expect(zip(augmented, augmented.dropFirst()).allSatisfy { abs($0 - $1) > 1e-5 })
        #expect(try losses() == augmented)
        #expect(try losses { $0.seed = 1 } != augmented)
    }

    /// Red encodes the column and green the row, so that a view reveals which part of the picture was cropped.
    @Test func augmentedViewsFollowReferenceDistribution() {
        var photo = Image(width: 240, height: 240)
        for column in 0..<240 {
            for row in 0..<240 {
                photo[column, row] = Colour(red: UInt8(column), green: UInt8(row), blue: 0)
            }
        }
        var evaluation = LinearEvaluation()
        evaluation.view = CentreView(loadSize: 18, cropSize: 16)
        var areas: [Double] = []
        var mirrored = 0
        for epoch in 0..<400 {
            let view = evaluation.augmentedView(
                of: photo, index: 3, epoch: epoch, for: .small())
            #expect(view.shape == [3, 16, 16])
            // The side of the crop in pixels: 16/15 of the distance from the first row or column to the last.
            func extent(_ channel: Int) -> Double {
                let scale = 255 * Double(Normalization.imageNet.standardDeviation[channel])
                return Double(view[channel, 15, 15] - view[channel, 0, 0]) * scale * 16 / 15
            }
            if extent(0) < 0 { mirrored += 1 }
            areas.append(abs(extent(0) * extent(1)) / (240 * 240))
        }
        // Levels are integers, and bilinear weights are truncated at the edges: errors of some pixels in at least 60.
        #expect(areas.allSatisfy { $0 > 0.06 && $0 < 1.1 })
        #expect(areas.contains { $0 < 0.15 } && areas.contains { $0 > 0.9 })
        // torchvision's mean is 0.478, with a standard error of 0.234 / 20 over 400 draws; 200 are mirrored, with a
        // deviation of 10. Five deviations, plus some for the edges' weights.
        let meanArea = areas.reduce(0, +) / 400
        #expect(abs(meanArea - 0.478) < 0.08)
        #expect(abs(mirrored - 200) < 50)
    }

    /// Evaluation fails only if no training picture can be read.
    @Test func skipsUnreadablePictures() throws {
        let pictures = try Pictures(Self.noisePicture)
        try pictures.breakPicture(2)
        try pictures.breakPicture(9)
        for isAugmented in [true, false] {
            let run = try run(pictures) { $0.isAugmented = isAugmented }
            #expect(run.epochs.count == 4)
            #expect(run.skipped.train.count == 1 && run.skipped.test.count == 1)
            #expect(run.skipped.train.first?.path.hasSuffix("train/even/2.png") == true)
        }
        for number in 0..<7 { try pictures.breakPicture(number) }
        for isAugmented in [true, false] {
            #expect {
                _ = try run(pictures) { $0.isAugmented = isAugmented }
            } throws: { error in
                guard case EvaluationError.nothingReadable(_, 7, _) = error else { return false }
                return true
            }
        }
    }

    @Test func rejectsNonFiniteWeights() throws {
        let pictures = try Pictures(Self.uniformPicture)
        var network = try VisionTransformer(
            contentsOf: EvaluationFixtures.path("network.safetensors"), heads: 2)
        network.norm.bias = Tensor(repeating: .nan, shape: network.norm.bias.shape)
        let train = try pictures.labelled().train
        #expect(throws: EvaluationError.notFinite(picture: train.paths[0])) {
            _ = try PictureFeatures(
                of: train, network: network, view: CentreView(loadSize: 18, cropSize: 16))
        }
    }
}
