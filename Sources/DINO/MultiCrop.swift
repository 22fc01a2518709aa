import Images
import Platform
import Tensors
import ViT

/// The augmentation that makes DINO's training views of a picture: two large crops that cover much of it and
/// several small ones that cover little, each randomly flipped, recoloured and blurred.
///
/// The defaults are those of `DataAugmentationDINO` and of the options in facebookresearch/dino's main_dino.py.
public struct MultiCrop: ViewMaker, Hashable, Codable {
    /// The side of the two large crops in pixels.
    public var globalSide = 224
    /// The range of their area as a share of the picture's.
    public var globalScale = 0.4...1.0
    /// The side of the small crops in pixels.
    public var localSide = 96
    /// The range of their area as a share of the picture's.
    public var localScale = 0.05...0.4
    /// The number of small crops, which may be 0.
    public var localCount = 8

    /// The probability of a horizontal flip.
    public var mirroring = 0.5
    /// Random changes of colour.
    public var jitter = ColourJitter()
    /// The probability of conversion to greyscale.
    public var grayscale = 0.2
    /// The range of the blur's standard deviation, in pixels of the crop.
    public var blurRadius = 0.1...2.0
    /// The final steps of the first large crop.
    public var firstGlobal = Finish(blur: 1, solarization: 0)
    /// The final steps of the second large crop.
    public var secondGlobal = Finish(blur: 0.1, solarization: 0.2)
    /// The final steps of the small crops.
    public var local = Finish(blur: 0.5, solarization: 0)

    /// The mean of each channel, for values in 0...1; ImageNet's by default.
    public var mean = Normalization.imageNet.mean
    /// The standard deviation of each channel; ImageNet's by default.
    public var standardDeviation = Normalization.imageNet.standardDeviation

    /// Creates the augmentation of main_dino.py.
    public init() {}

    /// The probabilities of the final steps, which differ between the kinds of crops.
    public struct Finish: Sendable, Hashable, Codable {
        /// The probability of a blur.
        public var blur: Double
        /// The probability of solarisation.
        public var solarization: Double

        /// Creates final steps from their probabilities.
        public init(blur: Double, solarization: Double) {
            self.blur = blur
            self.solarization = solarization
        }
    }

    /// torchvision's `ColorJitter`, applied with a probability: brightness, contrast and saturation are scaled by a
    /// factor within 1 ± the strength, the hue is rotated, in random order.
    public struct ColourJitter: Sendable, Hashable, Codable {
        /// The probability that colours are changed.
        public var probability = 0.8
        /// The strength of changes in brightness.
        public var brightness = 0.4
        /// The strength of changes in contrast.
        public var contrast = 0.4
        /// The strength of changes in saturation.
        public var saturation = 0.2
        /// The maximum rotation of the hue in either direction, as a share of the circle.
        public var hue = 0.1

        /// Creates the jitter of main_dino.py.
        public init() {}
    }

    /// Allocates a batch for the crops of `count` pictures; its contents are undefined until written.
    ///
    /// - Precondition: the sides are at least 1.
    public func emptyBatch(count: Int) -> MultiCropBatch {
        require(
            globalSide > 0 && localSide > 0 && localCount >= 0,
            "MultiCrop: \(localCount) crops of side \(localSide) and two of \(globalSide)")
        func crops(_ side: Int) -> Tensor { Tensor(uninitialized: [count, 3, side, side]) }
        return MultiCropBatch(
            globals: (0..<2).map { _ in crops(globalSide) },
            locals: (0..<localCount).map { _ in crops(localSide) })
    }

    /// Makes the crops of one picture and writes them into a batch.
    ///
    /// All random choices are drawn from `generator`, those of the large crops first.
    ///
    /// - Parameters:
    ///   - image: the picture.
    ///   - batch: the destination, as made by ``emptyBatch(count:)``.
    ///   - index: the picture's index in the batch.
    ///   - generator: the source of random numbers.
    /// - Complexity: O(pixels of the source regions and of the crops), on one thread.
    public func writeCrops(
        of image: Image, to batch: inout MultiCropBatch, at index: Int,
        using generator: inout some RandomNumberGenerator
    ) {
        writeCrops(of: image, to: &batch, at: index, using: &generator) { _, _, _ in }
    }

    /// Makes the crops of one picture with a step of your own, and writes them into a batch.
    ///
    /// The random choices of the crops are those of ``writeCrops(of:to:at:using:)``.
    ///
    /// - Parameters:
    ///   - image: the picture.
    ///   - batch: the destination, as made by ``emptyBatch(count:)``.
    ///   - index: the picture's index in the batch.
    ///   - generator: the source of random numbers.
    ///   - adjust: changes a crop, after all other steps and before it is normalised; its size must stay. It receives
    ///     the crop, its number, large crops first, and the generator.
    /// - Complexity: O(pixels of the source regions and of the crops), on one thread.
    public func writeCrops<Generator: RandomNumberGenerator>(
        of image: Image, to batch: inout MultiCropBatch, at index: Int,
        using generator: inout Generator,
        adjusting adjust: (
            _ crop: inout Image, _ number: Int, _ generator: inout Generator
        ) -> Void
    ) {
        let views = views(of: image, using: &generator)
        writeCrops(views, of: image, to: &batch, at: index) { adjust(&$0, $1, &generator) }
    }

    /// Draws the random parameters of each crop, large crops first.
    func views(
        of image: Image, using generator: inout some RandomNumberGenerator
    ) -> [CropChoices] {
        var views: [CropChoices] = []
        for finish in [firstGlobal, secondGlobal] {
            views.append(
                choices(for: image, scale: globalScale, finish: finish, using: &generator))
        }
        for _ in 0..<localCount {
            views.append(choices(for: image, scale: localScale, finish: local, using: &generator))
        }
        return views
    }

    /// Makes crops with parameters already drawn, and writes them into a batch.
    func writeCrops(
        _ views: [CropChoices], of image: Image, to batch: inout MultiCropBatch, at index: Int,
        adjusting adjust: (inout Image, Int) -> Void = { _, _ in }
    ) {
        require(
            batch.globals.count == 2 && batch.locals.count == localCount,
            "writeCrops: a batch for \(batch.globals.count) and \(batch.locals.count) crops, not 2 and"
                + " \(localCount)")
        for (number, choices) in views.enumerated() {
            var crop = choices.view(of: image, side: number < 2 ? globalSide : localSide)
            adjust(&crop, number)
            if number < 2 {
                write(crop, to: &batch.globals[number], at: index)
            } else {
                write(crop, to: &batch.locals[number - 2], at: index)
            }
        }
    }

    /// The sides of the views in pixels, large crops first.
    var sides: [Int] { [globalSide, globalSide] + Array(repeating: localSide, count: localCount) }

    private func write(_ view: Image, to crops: inout Tensor, at index: Int) {
        require(
            index < crops.shape[0]
                && crops.shape.dimensions.dropFirst() == [3, view.height, view.width],
            "writeCrops: \(view.width)x\(view.height) pixels into number \(index) of \(crops.shape)"
        )
        crops.withUnsafeMutableElements { elements in
            guard let first = elements.baseAddress else { return }
            view.writeNormalized(
                to: first + index * view.width * view.height * 3, mean: mean,
                deviation: standardDeviation)
        }
    }
}
