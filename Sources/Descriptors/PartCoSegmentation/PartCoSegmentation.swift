import Images
import Platform
import Tensors

/// A model of the parts of the common objects of several pictures: one centre of descriptors per part,
/// and centres for the background. Fitted to a set of pictures, it can be applied to others.
///
/// - Paper: Amir et al., "Deep ViT Features as Dense Visual Descriptors" (2021), section 4.2;
///   code: dino-vit-features, part_cosegmentation.py.
public struct PartCoSegmentation: Sendable {
    /// The options of the fit.
    public let options: Options
    /// The centre of each part, `[parts, channels]`; fewer rows than `options.parts` if the foreground
    /// has fewer descriptors.
    public let parts: Tensor
    /// The centres of the background, `[centres, channels]`.
    public let background: Tensor

    /// How parts are found. The defaults follow part_cosegmentation.py; its option names are given in
    /// parentheses.
    public struct Options: Hashable, Sendable, Codable {
        /// How the foreground is found, and descriptors are extracted and clustered.
        public var foreground: CoSegmentation.Options
        /// The number of parts (`num_parts`).
        public var parts = 4
        /// The number of crops of each picture, and of its mirror image, that are clustered with it
        /// (`num_crop_augmentations`): useful for small, varied sets.
        public var crops = 0
        /// How the foreground is divided.
        public var stages = Stages.two
        /// The refinement of labels along edges of the picture; nil: none.
        public var refinement: DenseCRF? = DenseCRF()

        /// How the foreground is divided into parts.
        public enum Stages: Hashable, Sendable, Codable {
            /// The foreground is divided into the parts.
            case two
            /// The foreground is divided into objects, their number chosen by the elbow rule; objects
            /// missing from any picture are dropped, and the rest is divided into the parts
            /// (`three_stages`; `elbow`: `elbow_second_stage`).
            case three(elbow: Double = 0.94)
        }

        /// Options with their defaults, except for the features.
        public init(features: FeatureOptions = FeatureOptions()) {
            foreground = CoSegmentation.Options(features: features)
        }
    }

    init(options: Options, parts: Tensor, background: Tensor) {
        self.options = options
        self.parts = parts
        self.background = background
    }

    /// Finds the foreground as `CoSegmentation` does and divides it into parts.
    ///
    /// - Parameters:
    ///   - pictures: at least one, all with a saliency map and the same number of channels.
    ///   - crops: features of crops of the pictures; see `Options.crops(of:index:)`. They are clustered,
    ///     but they neither vote for the foreground nor affect which objects are common.
    ///   - options: how parts are found.
    /// - Precondition: the options have 1 to 255 parts; else as `CoSegmentation`.
    /// - Complexity: as `CoSegmentation`; with three stages also the refinement of each picture and
    ///   crop.
    public init(
        fitting pictures: [SegmentationFeatures], crops: [SegmentationFeatures] = [],
        options: Options = Options()
    ) {
        self.init(fitting: pictures, crops: crops, options: options) { CellSampling(of: $0) }
    }

    /// - Parameter sampling: maps between the cells of a picture and its pixels. Tests pass the
    ///   reference's, which stretches the grid over the picture.
    package init(
        fitting pictures: [SegmentationFeatures], crops: [SegmentationFeatures], options: Options,
        sampling: (SegmentationFeatures) -> CellSampling
    ) {
        require(
            Options.Bounds.parts.range ~= options.parts,
            "PartCoSegmentation: \(options.parts) parts")
        let model = CoSegmentation(
            fitting: pictures, augmentations: crops, options: options.foreground)
        let all = pictures + crops
        let background = model.centres.samples(
            model.isSalient.indices.filter { !model.isSalient[$0] })
        var foreground = all.map { model.foreground(of: $0) }
        let clustering = options.foreground.clustering
        let seed = options.foreground.seed
        func selections() -> [DescriptorClustering.Selection] {
            zip(all, foreground).map { picture, mask in
                .init(picture.descriptors.matrix, rows: mask.indices.filter { mask[$0] })
            }
        }
        guard case .three(let elbow) = options.stages else {
            self.init(
                options: options,
                parts: clustering.fit(
                    selections(), clusters: options.parts, seed: seed),
                background: background)
            return
        }
        let objects = PartCoSegmentation(
            options: options,
            parts: clustering.fit(selections(), elbow: elbow, seed: seed).centres,
            background: background)
        let labels = Parallelism.map(count: all.count) { index in
            let picture = all[index]
            let sampling = sampling(picture)
            return objects.labels(of: picture, by: sampling).cells(by: sampling)
        }
        let common = (0..<objects.parts.shape[0]).filter { object in
            labels.prefix(pictures.count).allSatisfy { $0.contains(UInt8(object + 1)) }
        }
        let isCommon = Set(common.map { UInt8($0 + 1) })
        foreground = labels.map { $0.map(isCommon.contains) }
        let others = (0..<objects.parts.shape[0]).filter { !common.contains($0) }
        self.init(
            options: options,
            parts: clustering.fit(selections(), clusters: options.parts, seed: seed),
            background: .concatenated([background, objects.parts.samples(others)]))
    }

    /// Divides known objects into parts.
    ///
    /// The model has no background: `labels(of:)` labels each pixel with its nearest part, also outside
    /// the object.
    ///
    /// - Parameters:
    ///   - pictures: the pictures' features, without crops.
    ///   - masks: the object of each photo at its own size, where labels are not 0.
    ///   - options: how parts are found; only the clustering and the seed of `foreground` are used.
    /// - Precondition: there is one mask per picture, of its photo's size; the options have 1 to 255
    ///   parts.
    public init(
        fitting pictures: [SegmentationFeatures], masks: [LabelMap], options: Options = Options()
    ) {
        require(
            pictures.count == masks.count && Options.Bounds.parts.range ~= options.parts,
            "PartCoSegmentation: \(masks.count) masks for \(pictures.count) pictures, "
                + "\(options.parts) parts")
        let selections = zip(pictures, masks).map { picture, mask in
            DescriptorClustering.Selection(
                picture.descriptors.matrix, rows: picture.descriptors.cells(in: mask))
        }
        self.init(
            options: options,
            parts: options.foreground.clustering.fit(
                selections, clusters: options.parts, seed: options.foreground.seed),
            background: Tensor(repeating: 0, shape: [0, pictures.first?.descriptors.channels ?? 0]))
    }

    /// Labels each pixel at the size of the network's image: 0 is background, parts count from 1.
    ///
    /// - Precondition: the picture's descriptors have the fitted channels.
    /// - Complexity: O(cells * centres * channels), and the refinement.
    public func labels(of picture: SegmentationFeatures) -> LabelMap {
        labels(of: picture, by: CellSampling(of: picture))
    }

    package func labels(of picture: SegmentationFeatures, by sampling: CellSampling) -> LabelMap {
        let image = picture.image
        guard parts.shape[0] > 0 else {
            return LabelMap(
                width: image.width, height: image.height,
                labels: Array(repeating: 0, count: image.width * image.height))
        }
        let energies = energies(of: picture, by: sampling)
        let labels =
            options.refinement?.labels(unaries: energies, image: image).map { number(Int($0)) }
            ?? least(energies)
        return LabelMap(width: image.width, height: image.height, labels: labels)
    }

    /// The energy of each label at each pixel, `[labels, height, width]`: its squared distance minus that
    /// of the pixel's farthest label. The labels are the parts, followed by the background if there is
    /// one; its distance is that of its nearest centre.
    private func energies(
        of picture: SegmentationFeatures, by sampling: CellSampling
    ) -> Tensor {
        let matrix = picture.descriptors.matrix
        let toParts = squaredDistances(of: matrix, from: parts)
        let count = parts.shape[0]
        let hasBackground = background.shape[0] > 0
        let labels = count + (hasBackground ? 1 : 0)
        let toBackground =
            hasBackground ? NearestCentres(of: matrix, among: background).squaredDistances : []
        var cells = [Float](repeating: 0, count: labels * matrix.shape[0])
        toParts.withUnsafeElements { toParts in
            for cell in 0..<matrix.shape[0] {
                var distances = Array(toParts[cell * count..<(cell + 1) * count])
                if hasBackground { distances.append(toBackground[cell]) }
                let farthest = distances.max() ?? 0
                for (label, distance) in distances.enumerated() {
                    cells[label * matrix.shape[0] + cell] = distance - farthest
                }
            }
        }
        let grid = picture.descriptors.grid
        let (width, height) = (picture.image.width, picture.image.height)
        return Tensor(shape: [labels, height, width]) { target in
            var at = 0
            for label in 0..<labels {
                for row in sampling.rows {
                    let start = label * matrix.shape[0] + row * grid.columns
                    for column in sampling.columns {
                        target[at] = cells[start + column]
                        at += 1
                    }
                }
            }
        }
    }

    /// The number of the label with the least energy at each pixel.
    private func least(_ energies: Tensor) -> [UInt8] {
        let count = energies.shape[1] * energies.shape[2]
        return energies.withUnsafeElements { energies in
            (0..<count).map { pixel in
                var best = 0
                for label in 1..<max(1, energies.count / count)
                where energies[label * count + pixel] < energies[best * count + pixel] {
                    best = label
                }
                return number(best)
            }
        }
    }

    /// The number of a label in a map: parts count from 1; the background, which follows them here, is 0.
    private func number(_ label: Int) -> UInt8 { label < parts.shape[0] ? UInt8(label + 1) : 0 }
}

extension PartCoSegmentation.Options {
    /// The side of a crop as a fraction of the picture's: `random_crop` of part_cosegmentation.py.
    private static let cropPart = 0.95

    /// Random crops of a picture and of its mirror image, alternately; their features are passed to the
    /// fit.
    ///
    /// - Parameters:
    ///   - image: the picture at the network's size.
    ///   - index: index of the picture in the set, which selects its stream of random numbers.
    /// - Returns: `2 * crops` pictures.
    public func crops(of image: Image, index: Int) -> [Image] {
        var generator = Xoshiro256(seed: foreground.seed, stream: 4, index)
        let width = max(1, Int(Double(image.width) * Self.cropPart))
        let height = max(1, Int(Double(image.height) * Self.cropPart))
        return (0..<2 * crops).map { crop in
            let box = Box(
                x: generator.nextIndex(below: image.width - width + 1),
                y: generator.nextIndex(below: image.height - height + 1), width: width,
                height: height)
            return image.resizedCrop(
                box, width: width, height: height, using: .nearest, mirrored: crop % 2 == 1)
        }
    }
}
