import Images
import Platform
import Tensors
import ViT

/// How the views of a picture are made that DINO trains on: a few large crops of most of it and
/// several small ones of little of it, each flipped, recoloured, blurred at random.
///
/// The defaults are those of `DataAugmentationDINO` and of the options in facebookresearch/dino's
/// main_dino.py.
public struct MultiCrop: Sendable, Hashable, Codable {
    /// The side in pixels of the large crops, of which there are two.
    public var globalSide = 224
    /// Their part of the picture's area.
    public var globalScale = 0.4...1.0
    /// The side in pixels of the small crops.
    public var localSide = 96
    /// Their part of the picture's area.
    public var localScale = 0.05...0.4
    /// How many small crops there are; may be none.
    public var localCount = 8

    /// How likely a crop is mirrored.
    public var mirroring = 0.5
    /// How colours vary.
    public var jitter = ColourJitter()
    /// How likely a crop loses its colours.
    public var grayscale = 0.2
    /// The standard deviation of the blur, in pixels of the crop.
    public var blurRadius = 0.1...2.0
    /// What follows in the first large crop.
    public var firstGlobal = Finish(blur: 1, solarization: 0)
    /// What follows in the second.
    public var secondGlobal = Finish(blur: 0.1, solarization: 0.2)
    /// What follows in the small ones.
    public var local = Finish(blur: 0.5, solarization: 0)

    /// Of each channel, in 0...1: ImageNet's.
    public var mean = Normalization.imageNet.mean
    /// Likewise.
    public var standardDeviation = Normalization.imageNet.standardDeviation

    public init() {}

    /// How likely the last steps are, which differ between the kinds of crops.
    public struct Finish: Sendable, Hashable, Codable {
        public var blur: Double
        public var solarization: Double

        public init(blur: Double, solarization: Double) {
            self.blur = blur
            self.solarization = solarization
        }
    }

    /// torchvision's `ColorJitter`, applied at random: brightness, contrast and saturation by a
    /// factor up to so much below or above 1, hue by up to so much of the circle either way, in
    /// random order.
    public struct ColourJitter: Sendable, Hashable, Codable {
        public var probability = 0.8
        public var brightness = 0.4
        public var contrast = 0.4
        public var saturation = 0.2
        public var hue = 0.1

        public init() {}
    }

    /// A batch of `count` pictures with room for their crops, undefined until written.
    ///
    /// - Precondition: sides are at least 1.
    public func emptyBatch(count: Int) -> MultiCropBatch {
        require(
            globalSide > 0 && localSide > 0 && localCount >= 0,
            "MultiCrop: \(localCount) crops of side \(localSide) and two of \(globalSide)")
        func crops(_ side: Int) -> Tensor { Tensor(uninitialized: [count, 3, side, side]) }
        return MultiCropBatch(
            globals: (0..<2).map { _ in crops(globalSide) },
            locals: (0..<localCount).map { _ in crops(localSide) })
    }

    /// Makes the crops of one picture.
    ///
    /// Everything random is drawn from `generator`, large crops first.
    ///
    /// - Parameters:
    ///   - batch: where they go, as ``emptyBatch(count:)`` makes it.
    ///   - index: the picture's place in it.
    /// - Complexity: O(pixels of the parts and of the crops), on one thread.
    public func writeCrops(
        of image: Image, to batch: inout MultiCropBatch, at index: Int,
        using generator: inout some RandomNumberGenerator
    ) {
        writeCrops(
            views(of: image, using: &generator), of: image, to: &batch, at: index)
    }

    /// Draws what is left to chance in each crop, the large ones first.
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

    /// Makes the crops that were drawn.
    func writeCrops(
        _ views: [CropChoices], of image: Image, to batch: inout MultiCropBatch, at index: Int
    ) {
        require(
            batch.globals.count == 2 && batch.locals.count == localCount,
            "writeCrops: \(batch.globals.count) and \(batch.locals.count) crops where 2 and"
                + " \(localCount) are made")
        for (number, choices) in views.enumerated() {
            if number < 2 {
                write(
                    choices.view(of: image, side: globalSide), to: &batch.globals[number],
                    at: index)
            } else {
                write(
                    choices.view(of: image, side: localSide), to: &batch.locals[number - 2],
                    at: index)
            }
        }
    }

    /// The sides of the views in pixels, the large crops first.
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
