import Platform
import Tensors

/// A model that separates the common objects of several pictures from the background: clusters of
/// descriptors, some of them salient. Fitted to a set of pictures, it can be applied to others.
///
/// - Paper: Amir et al., "Deep ViT Features as Dense Visual Descriptors" (2021), section 4.2;
///   code: dino-vit-features, cosegmentation.py.
public struct CoSegmentation: Sendable {
    /// The options of the fit.
    public let options: Options
    /// The centres of the clusters, `[clusters, channels]`; no rows if every picture was an outlier.
    public let centres: Tensor
    /// For each cluster, whether it is foreground.
    public let isSalient: [Bool]
    /// The mean class token of the fitted pictures, `[width]`; nil unless outliers are detected.
    public let meanClassToken: Tensor?

    /// How pictures are segmented. The defaults follow cosegmentation.py; its option names are given in
    /// parentheses.
    public struct Options: Hashable, Sendable, Codable {
        /// Which features are extracted.
        public var taps: SegmentationTaps
        /// How descriptors are clustered.
        public var clustering = DescriptorClustering()
        /// Clusters are added while each lowers the mean squared distance below this times its previous
        /// value (`elbow`).
        public var elbow = 0.975
        /// A picture votes for a cluster if its mean saliency in the picture is above this (`thresh`); nil: the network's
        /// threshold (`SaliencyMap.threshold`).
        public var threshold: Float?
        /// A cluster is salient if at least this percentage of the pictures vote for it
        /// (`votes_percentage`).
        public var votePercentage = 75
        /// A picture is an outlier, with an empty mask, if the cosine between its class token and the
        /// mean class token is below this; nil: no outliers are detected (`remove_outliers`,
        /// `outliers_thresh`; see `usualOutlierThreshold`).
        public var outlierThreshold: Float?
        /// The refinement of masks along edges of the picture; nil: none.
        public var refinement: GrabCut? = GrabCut()
        /// Seed of k-means and GrabCut; 1234 is faiss's default, which the reference uses.
        public var seed: UInt64 = 1234

        /// The reference's default threshold for outliers (`outliers_thresh`).
        public static let usualOutlierThreshold: Float = 0.7

        /// Options with their defaults, except for the features.
        public init(features: FeatureOptions = FeatureOptions()) {
            taps = SegmentationTaps(features: features)
        }
    }

    init(
        options: Options, centres: Tensor, isSalient: [Bool], meanClassToken: Tensor?
    ) {
        self.options = options
        self.centres = centres
        self.isSalient = isSalient
        self.meanClassToken = meanClassToken
    }

    /// Clusters the descriptors of all pictures, with the number of clusters chosen by the elbow rule;
    /// then each picture votes for the clusters that are salient in it.
    ///
    /// Outliers are neither clustered nor vote. Without salient clusters masks are empty; if all clusters
    /// are salient, masks are full.
    ///
    /// - Parameters:
    ///   - pictures: the pictures' features.
    ///   - options: how they are segmented.
    /// - Precondition: there is at least one picture; all have the same number of channels and a saliency
    ///   map, and class tokens if outliers are detected.
    /// - Complexity: O(descriptors * channels * clusters), plus k-means on every `sampleInterval`-th
    ///   descriptor; memory for that sample in addition to the pictures.
    public init(fitting pictures: [SegmentationFeatures], options: Options = Options()) {
        self.init(fitting: pictures, augmentations: [], options: options)
    }

    /// - Parameter augmentations: clustered with the pictures, but without a vote.
    init(
        fitting pictures: [SegmentationFeatures], augmentations: [SegmentationFeatures],
        options: Options
    ) {
        require(!pictures.isEmpty, "CoSegmentation: there is no picture")
        let meanClassToken = options.outlierThreshold.map { _ in mean(pictures) }
        func isInlier(_ picture: SegmentationFeatures) -> Bool {
            !Self.isOutlier(picture, meanClassToken, options)
        }
        let voters = pictures.filter(isInlier)
        guard !voters.isEmpty else {
            let channels = pictures[0].descriptors.channels
            self.init(
                options: options, centres: Tensor(repeating: 0, shape: [0, channels]),
                isSalient: [], meanClassToken: meanClassToken)
            return
        }
        let elbow = options.clustering.fit(
            (voters + augmentations.filter(isInlier)).map { .init($0.descriptors.matrix) },
            elbow: options.elbow, seed: options.seed)
        var votes = [Int](repeating: 0, count: elbow.centres.shape[0])
        for picture in voters {
            for cluster in Self.salientClusters(picture, elbow.centres, options) {
                votes[cluster] += 1
            }
        }
        let needed = (voters.count * options.votePercentage + 99) / 100
        self.init(
            options: options, centres: elbow.centres, isSalient: votes.map { $0 >= needed },
            meanClassToken: meanClassToken)
    }

    /// The clusters of a picture whose mean saliency is above the threshold.
    private static func salientClusters(
        _ picture: SegmentationFeatures, _ centres: Tensor, _ options: Options
    ) -> [Int] {
        guard let saliency = picture.saliency else {
            fail("CoSegmentation: a picture to fit has no saliency map")
        }
        var sums = [Double](repeating: 0, count: centres.shape[0])
        var counts = [Int](repeating: 0, count: centres.shape[0])
        let labels = NearestCentres(of: picture.descriptors.matrix, among: centres).labels
        for (label, value) in zip(labels, saliency.values.elements) {
            sums[label] += Double(value)
            counts[label] += 1
        }
        let threshold = Double(options.threshold ?? saliency.threshold)
        return sums.indices.filter {
            counts[$0] > 0 && sums[$0] / Double(counts[$0]) > threshold
        }
    }

    /// Whether a picture is too unlike the fitted pictures; false unless outliers are detected.
    ///
    /// - Precondition: if outliers are detected, the picture has a class token of the fitted width.
    public func isOutlier(_ picture: SegmentationFeatures) -> Bool {
        Self.isOutlier(picture, meanClassToken, options)
    }

    private static func isOutlier(
        _ picture: SegmentationFeatures, _ mean: Tensor?, _ options: Options
    ) -> Bool {
        guard let mean, let threshold = options.outlierThreshold else { return false }
        guard let token = picture.classToken, token.shape == mean.shape else {
            fail(
                "CoSegmentation: class tokens \(picture.classToken?.shape ?? []) and \(mean.shape)")
        }
        let product = zip(token.elements, mean.elements).reduce(0.0) {
            $0 + Double($1.0) * Double($1.1)
        }
        let lengths = [token, mean].map { tensor in
            tensor.elements.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        }
        // PyTorch's CosineSimilarity clamps lengths to at least 1e-8.
        return product / (max(lengths[0], 1e-8) * max(lengths[1], 1e-8)) < Double(threshold)
    }

    /// Each cell's cluster, in row-major order; empty if there are no clusters.
    ///
    /// - Precondition: the picture's descriptors have the clusters' channels.
    public func clusters(of picture: SegmentationFeatures) -> [Int] {
        guard centres.shape[0] > 0 else { return [] }
        return NearestCentres(of: picture.descriptors.matrix, among: centres).labels
    }

    /// Whether each cell is foreground, in row-major order.
    ///
    /// - Precondition: as `clusters(of:)`.
    public func foreground(of picture: SegmentationFeatures) -> [Bool] {
        guard isSalient.contains(true), !isOutlier(picture) else {
            return Array(repeating: false, count: picture.descriptors.grid.count)
        }
        return clusters(of: picture).map { isSalient[$0] }
    }
}

/// The mean of the pictures' class tokens.
private func mean(_ pictures: [SegmentationFeatures]) -> Tensor {
    let tokens = pictures.map { picture in
        guard let token = picture.classToken else {
            fail("CoSegmentation: a picture has no class token, which outlier detection needs")
        }
        return token.elements
    }
    let sums = tokens[0].indices.map { channel in
        tokens.reduce(0.0) { $0 + Double($1[channel]) }
    }
    return Tensor(sums.map { Float($0 / Double(tokens.count)) }, shape: [sums.count])
}
